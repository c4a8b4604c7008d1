<#import "template.ftl" as layout>
<#import "buttons.ftl" as buttons>
<@layout.registrationLayout; section>
  <#if section = "header">
    ${msg("logoutConfirmTitle")}
  <#elseif section = "form">
    <div id="kc-logout-confirm">
      <p>${msg("logoutConfirmHeader")}</p>
      <form action="${url.logoutConfirmAction}" method="POST">
        <input type="hidden" name="session_code" value="${logoutConfirm.code}">
        <@buttons.actionGroup horizontal=true>
          <@buttons.button id="kc-logout" name="confirmLogout" label="doLogout"/>
          <#if !logoutConfirm.skipLink && (client.baseUrl)?has_content>
          <a class="pf-v5-c-button pf-m-secondary" href="${client.baseUrl}">${msg("backToApplication")}</a>
          </#if>
        </@buttons.actionGroup>
      </form>
    </div>
  </#if>
</@layout.registrationLayout>
