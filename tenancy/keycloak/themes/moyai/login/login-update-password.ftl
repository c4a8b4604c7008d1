<#import "template.ftl" as layout>
<#import "buttons.ftl" as buttons>
<#macro newPassword name label fieldName described>
<div class="${properties.kcFormGroupClass}">
  <label for="${name}">${label}</label>
  <div class="${properties.kcInputGroup}">
    <input id="${name}" name="${name}" type="password" autocomplete="new-password" required aria-describedby="${described}"
           <#if messagesPerField.existsError(fieldName)>aria-invalid="true"</#if>>
    <button class="plain show" type="button" aria-label="${msg('showPassword')}" aria-controls="${name}" data-password-toggle
            data-icon-show="fa-eye" data-icon-hide="fa-eye-slash"
            data-label-show="${msg('showPassword')}" data-label-hide="${msg('hidePassword')}"><i class="fa-eye" aria-hidden="true"></i></button>
  </div>
  <div id="input-error-container-${name}">
    <#if messagesPerField.existsError(fieldName)>
    <p class="error" id="input-error-${name}" role="alert">${messagesPerField.get(fieldName)}</p>
    </#if>
  </div>
</div>
</#macro>
<@layout.registrationLayout displayMessage=!messagesPerField.existsError('password','password-confirm'); section>
  <#if section = "header">
    ${msg("updatePasswordTitle")}
  <#elseif section = "form">
    <h2 id="rules-title">${msg("moyaiRules")}</h2>
    <ul id="password-rules">
      <#if (passwordPolicies.length!-1) gt 0><li>${msg("moyaiRule.length", passwordPolicies.length)}</li></#if>
      <#if (passwordPolicies.maxLength!-1) gt 0><li>${msg("moyaiRule.maxLength", passwordPolicies.maxLength)}</li></#if>
      <#if (passwordPolicies.digits!-1) gt 0><li>${msg("moyaiRule.digits", passwordPolicies.digits)}</li></#if>
      <#if (passwordPolicies.lowerCase!-1) gt 0><li>${msg("moyaiRule.lowerCase", passwordPolicies.lowerCase)}</li></#if>
      <#if (passwordPolicies.upperCase!-1) gt 0><li>${msg("moyaiRule.upperCase", passwordPolicies.upperCase)}</li></#if>
      <#if (passwordPolicies.specialChars!-1) gt 0><li>${msg("moyaiRule.specialChars", passwordPolicies.specialChars)}</li></#if>
      <#if (passwordPolicies.passwordHistory!-1) gt 0><li>${msg("moyaiRule.history", passwordPolicies.passwordHistory)}</li></#if>
      <#if passwordPolicies.notEmail!false><li>${msg("moyaiRule.notEmail")}</li></#if>
      <li>${msg("moyaiRule.advice")}</li>
    </ul>
    <form id="kc-passwd-update-form" action="${url.loginAction}" method="post" novalidate="novalidate">
      <@newPassword name="password-new" label=msg("passwordNew") fieldName="password" described="password-rules input-error-container-password-new"/>
      <@newPassword name="password-confirm" label=msg("passwordConfirm") fieldName="password-confirm" described="input-error-container-password-confirm"/>
      <@buttons.actionGroup horizontal=true>
        <@buttons.button id="kc-submit" name="login" label="moyaiSetPassword"/>
        <#if isAppInitiatedAction??><@buttons.button id="kc-cancel" label="doCancel" name="cancel-aia" type="secondary"/></#if>
      </@buttons.actionGroup>
    </form>
  </#if>
</@layout.registrationLayout>
