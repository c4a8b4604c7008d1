<#import "template.ftl" as layout>
<#import "buttons.ftl" as buttons>
<@layout.registrationLayout; section>
  <#if section = "header">
    ${msg("recovery-code-config-header")}
  <#elseif section = "form">
    <div class="note warning"><p>${msg("recovery-code-config-warning-title")}</p></div>
    <p>${msg("moyaiRecoveryKeep")}</p>
    <ol id="kc-recovery-codes-list">
      <#list recoveryAuthnCodesConfigBean.generatedRecoveryAuthnCodesList as code>
      <li><code>${code[0..3]}-${code[4..7]}-${code[8..]}</code></li>
      </#list>
    </ol>
    <form action="${url.loginAction}" id="kc-recovery-codes-settings-form" method="post">
      <input type="hidden" name="generatedRecoveryAuthnCodes" value="${recoveryAuthnCodesConfigBean.generatedRecoveryAuthnCodesAsString}">
      <input type="hidden" name="generatedAt" value="${recoveryAuthnCodesConfigBean.generatedAt?c}">
      <input type="hidden" id="userLabel" name="userLabel" value="${msg("recovery-codes-label-default")}">
      <p><label for="kcRecoveryCodesConfirmationCheck"><input type="checkbox" id="kcRecoveryCodesConfirmationCheck" required>
        ${msg("recovery-codes-confirmation-message")}</label></p>
      <@buttons.actionGroup horizontal=true>
        <@buttons.button id="saveRecoveryAuthnCodesBtn" label="recovery-codes-action-complete"/>
      </@buttons.actionGroup>
    </form>
    <#if isAppInitiatedAction??>
    <#-- A form of its own, so that nobody has to tick the box to leave. -->
    <form action="${url.loginAction}" method="post">
      <button class="plain" type="submit" id="cancelRecoveryAuthnCodesBtn" name="cancel-aia" value="true">${msg("doCancel")}</button>
    </form>
    </#if>
  </#if>
</@layout.registrationLayout>
