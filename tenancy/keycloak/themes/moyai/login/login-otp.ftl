<#import "template.ftl" as layout>
<#import "field.ftl" as field>
<#import "buttons.ftl" as buttons>
<@layout.registrationLayout displayMessage=!messagesPerField.existsError('totp'); section>
  <#if section = "header">
    ${msg("moyaiOtpTitle")}
  <#elseif section = "form">
    <p>${msg("moyaiOtpWhere")}</p>
    <form id="kc-otp-login-form" action="${url.loginAction}" method="post">
      <#if otpLogin.userOtpCredentials?size gt 1>
      <fieldset>
        <legend>${msg("loginTotpDeviceName")}</legend>
        <#list otpLogin.userOtpCredentials as one>
        <p><label><input type="radio" name="selectedCredentialId" value="${one.id}"
             <#if one.id == (otpLogin.selectedCredentialId!"")>checked</#if>> ${one.userLabel!msg("authenticatorCode")}</label></p>
        </#list>
      </fieldset>
      <#else>
      <input id="selectedCredentialId" type="hidden" name="selectedCredentialId" value="${otpLogin.selectedCredentialId!''}">
      </#if>
      <@field.input name="otp" label=msg("loginOtpOneTime") autocomplete="one-time-code" fieldName="totp" autofocus=true />
      <@buttons.loginButton />
    </form>
  </#if>
</@layout.registrationLayout>
