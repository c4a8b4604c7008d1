<#import "template.ftl" as layout>
<#assign setsPassword = (requiredActions![])?seq_contains("UPDATE_PASSWORD") && actionUri?has_content>
<#assign isDone = !setsPassword && pageRedirectUri?has_content>
<@layout.registrationLayout displayMessage=false redirect=isDone?then(pageRedirectUri!"", ""); section>
  <#if section = "header">
    <#if setsPassword>
      ${msg("updatePasswordTitle")}
    <#elseif isDone>
      ${msg("moyaiPasswordSet")}
    <#elseif messageHeader??>
      ${kcSanitize(msg("${messageHeader}"))?no_esc}
    <#else>
      ${message.summary}
    </#if>
  <#elseif section = "form">
  <div id="kc-info-message">
    <#if setsPassword>
      <p>${msg("moyaiConfirmPassword")}</p>
      <p><a class="pf-v5-c-button pf-m-primary" href="${actionUri}">${msg("moyaiConfirmPasswordGo")}</a></p>
    <#elseif isDone>
      <p><a class="pf-v5-c-button pf-m-primary" href="${pageRedirectUri}">${msg("moyaiGoOn")}</a></p>
    <#else>
      <p>${message.summary}<#if requiredActions??><#list requiredActions>: <b><#items as reqActionItem>${kcSanitize(msg("requiredAction.${reqActionItem}"))?no_esc}<#sep>, </#items></b></#list></#if></p>
      <#if !skipLink??>
        <#if actionUri?has_content>
      <p><a class="pf-v5-c-button pf-m-primary" href="${actionUri}">${msg("proceedWithAction")}</a></p>
        <#elseif (client.baseUrl)?has_content>
      <p><a class="pf-v5-c-button pf-m-primary" href="${client.baseUrl}">${msg("backToApplication")}</a></p>
        </#if>
      </#if>
    </#if>
  </div>
  </#if>
</@layout.registrationLayout>
