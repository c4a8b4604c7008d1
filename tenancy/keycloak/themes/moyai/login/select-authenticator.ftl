<#import "template.ftl" as layout>
<#import "buttons.ftl" as buttons>
<@layout.registrationLayout displayInfo=false; section>
  <#if section = "header">
    ${msg("loginChooseAuthenticator")}
  <#elseif section = "form">
    <ul class="choices">
      <#list auth.authenticationSelections as selection>
      <li>
        <form action="${url.loginAction}" method="post">
          <input type="hidden" name="authenticationExecution" value="${selection.authExecId}">
          <button class="plain" type="submit">${msg('${selection.displayName}')}</button>
          <p class="hint">${msg('${selection.helpText}')}</p>
        </form>
      </li>
      </#list>
    </ul>
  </#if>
</@layout.registrationLayout>
