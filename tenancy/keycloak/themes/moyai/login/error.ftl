<#import "template.ftl" as layout>
<@layout.registrationLayout displayMessage=false; section>
  <#if section = "header">
    ${kcSanitize(msg("errorTitle"))?no_esc}
  <#elseif section = "form">
  <div id="kc-error-message">
    <div class="note error" role="alert"><p>${kcSanitize(message.summary)?no_esc}</p></div>
    <#if message.summary == msg("pageNotFound")>
    <p>${msg("moyaiNotFoundNext")}</p>
    <#elseif message.summary != msg("cookieNotFoundMessage") && message.summary != msg("internalServerError")>
    <p>${msg("moyaiErrorNext")}</p>
    </#if>
    <#if traceId??><p id="traceId">${msg("traceIdSupportMessage", traceId)}</p></#if>
    <#if !skipLink?? && (client.baseUrl)?has_content>
    <p><a id="backToApplication" class="pf-v5-c-button pf-m-primary" href="${client.baseUrl}login">${msg("moyaiToSignIn")}</a></p>
    </#if>
  </div>
  </#if>
</@layout.registrationLayout>
