<#import "template.ftl" as layout>
<@layout.registrationLayout; section>
  <#if section = "header">
    ${msg("pageExpiredTitle")}
  <#elseif section = "form">
    <p id="instruction1">${msg("pageExpiredMsg1")}</p>
    <p><a id="loginRestartLink" class="pf-v5-c-button pf-m-primary" href="${url.loginRestartFlowUrl}">${msg("moyaiStartAgain")}</a>
      <a id="loginContinueLink" class="pf-v5-c-button pf-m-secondary" href="${url.loginAction}">${msg("moyaiContinue")}</a></p>
  </#if>
</@layout.registrationLayout>
