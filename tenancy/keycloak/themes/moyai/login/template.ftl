<#import "footer.ftl" as loginFooter>
<#macro username>
  <#-- The user name is an id of Moyai's, which nobody knows; shown is only the address a person typed. -->
  <#if auth.attemptedUsername?contains("@")>
    <p class="typed"><span id="kc-attempted-username">${auth.attemptedUsername}</span>
      <a id="reset-login" href="${url.loginRestartFlowUrl}">${msg("restartLoginTooltip")}</a></p>
  </#if>
</#macro>

<#-- `redirect` is an address to go on to at once, checked by Keycloak. -->
<#macro registrationLayout bodyClass="" displayInfo=false displayMessage=true displayRequiredFields=false redirect="">
<#-- A realm has one name, whatever the page's language. -->
<#assign product = "Moyai 催合" + (realm.name == "moyai-operators")?then(" " + msg("moyaiOperators"), "")>
<!DOCTYPE html>
<html lang="${lang}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="robots" content="noindex, nofollow">
  <#if redirect?has_content><meta http-equiv="refresh" content="0; url=${redirect}"></#if>
  <#-- A page of an address that there is not has none. -->
  <#assign pageTitle = (realm.displayName)?has_content?then((title!"")?replace(realm.displayName!"", product), title!"")?trim>
  <title>${pageTitle?has_content?then(pageTitle, product)}</title>
  <link rel="icon" type="image/svg+xml" href="${url.resourcesPath}/img/moyai.svg">
  <#list properties.styles?split(' ') as style>
  <link rel="stylesheet" href="${url.resourcesPath}/${style}">
  </#list>
  <script type="importmap">
    { "imports": { "rfc4648": "${url.resourcesCommonPath}/vendor/rfc4648/rfc4648.js" } }
  </script>
  <#if scripts??>
    <#list scripts as script>
  <script src="${script}" type="text/javascript"></script>
    </#list>
  </#if>
  <script type="module" src="${url.resourcesPath}/js/passwordVisibility.js"></script>
  <script type="module">
    <#outputformat "JavaScript">
    import { startSessionPolling } from ${(url.resourcesPath + "/js/authChecker.js")?c};
    startSessionPolling(${url.ssoLoginInOtherTabsUrl?c});
    </#outputformat>
  </script>
  <#if authenticationSession??>
  <script type="module">
    <#outputformat "JavaScript">
    import { checkAuthSession } from ${(url.resourcesPath + "/js/authChecker.js")?c};
    checkAuthSession(${authenticationSession.authSessionIdHash?c});
    </#outputformat>
  </script>
  </#if>
</head>
<body data-page-id="login-${pageId}">
  <a class="skip" href="#main">${msg("moyaiSkip")}</a>
  <header>
    <#if (realm.attributes["moyai.example"]!"") == "true"><p class="band"><#if (realm.attributes["moyai.training"]!"") == "true">${msg("moyaiTraining")}<#else>${msg("moyaiExample")}</#if></p></#if>
    <div class="top">
      <#if (client.baseUrl)?has_content>
      <a class="product" href="${client.baseUrl}"><img src="${url.resourcesPath}/img/moyai.svg" alt="" width="28" height="28"> ${product}</a>
      <#else>
      <span class="product"><img src="${url.resourcesPath}/img/moyai.svg" alt="" width="28" height="28"> ${product}</span>
      </#if>
      <#if realm.internationalizationEnabled && locale.supported?size gt 1>
      <nav class="languages" aria-label="${msg("languages")}">
        <#list locale.supported as l>
          <#if l.languageTag != locale.currentLanguageTag>
        <a href="${l.url}" lang="${l.languageTag}" hreflang="${l.languageTag}">${msg("moyaiLanguage." + l.languageTag)}</a>
          </#if>
        </#list>
      </nav>
      </#if>
    </div>
  </header>
  <main id="main" tabindex="-1">
    <h1 id="kc-page-title"><#nested "header"></h1>
    <#if auth?has_content && auth.showUsername() && !auth.showResetCredentials()>
      <#nested "show-username">
      <@username />
    </#if>
    <#if displayMessage && message?has_content && (message.type != 'warning' || !isAppInitiatedAction??)>
    <div class="note ${message.type}"<#if message.type = 'error'> role="alert"<#else> role="status"</#if>>
      <p class="kc-feedback-text">${message.summary}</p>
    </div>
    </#if>
    <#nested "form">
    <#if auth?has_content && auth.showTryAnotherWayLink()>
    <form id="kc-select-try-another-way-form" action="${url.loginAction}" method="post" novalidate="novalidate">
      <input type="hidden" name="tryAnotherWay" value="on">
      <button id="try-another-way" class="plain" type="submit">${msg("doTryAnotherWay")}</button>
    </form>
    </#if>
    <#nested "socialProviders">
    <#if displayInfo>
    <div id="kc-info"><#nested "info"></div>
    </#if>
    <@loginFooter.content/>
  </main>
</body>
</html>
</#macro>
