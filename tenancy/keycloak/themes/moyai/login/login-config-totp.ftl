<#import "template.ftl" as layout>
<#import "buttons.ftl" as buttons>
<@layout.registrationLayout displayRequiredFields=false displayMessage=!messagesPerField.existsError('totp','userLabel'); section>
  <#if section = "header">
    ${msg("loginTotpTitle")}
  <#elseif section = "form">
    <p>${msg("moyaiTotpWhy")}</p>
    <ol id="kc-totp-settings">
      <li>
        <p>${msg("loginTotpStep1")}</p>
        <ul id="kc-totp-supported-apps">
          <#list totp.supportedApplications as app><li>${msg(app)}</li></#list>
        </ul>
      </li>
      <#if mode?? && mode = "manual">
      <li>
        <p>${msg("loginTotpManualStep2")}</p>
        <p><code id="kc-totp-secret-key">${totp.totpSecretEncoded}</code></p>
        <p><a href="${totp.qrUrl}" id="mode-barcode">${msg("loginTotpScanBarcode")}</a></p>
      </li>
      <li>
        <p>${msg("loginTotpManualStep3")}</p>
        <ul>
          <li id="kc-totp-type">${msg("loginTotpType")}: ${msg("loginTotp." + totp.policy.type)}</li>
          <li id="kc-totp-algorithm">${msg("loginTotpAlgorithm")}: ${totp.policy.getAlgorithmKey()}</li>
          <li id="kc-totp-digits">${msg("loginTotpDigits")}: ${totp.policy.digits}</li>
          <#if totp.policy.type = "totp"><li id="kc-totp-period">${msg("loginTotpInterval")}: ${totp.policy.period}</li></#if>
        </ul>
      </li>
      <#else>
      <li>
        <p>${msg("loginTotpStep2")}</p>
        <p><img id="kc-totp-secret-qr-code" src="data:image/png;base64, ${totp.totpSecretQrCode}" alt="${msg("moyaiTotpCode")}"></p>
        <p><a href="${totp.manualUrl}" id="mode-manual">${msg("loginTotpUnableToScan")}</a></p>
      </li>
      </#if>
      <li><p>${msg("loginTotpStep3")}</p></li>
    </ol>
    <form action="${url.loginAction}" id="kc-totp-settings-form" method="post" novalidate="novalidate">
      <div class="${properties.kcFormGroupClass!}">
        <label for="totp">${msg("authenticatorCode")}</label>
        <input type="text" required id="totp" name="totp" class="short" autocomplete="one-time-code" inputmode="numeric"
               aria-describedby="input-error-otp-code" <#if messagesPerField.existsError('totp')>aria-invalid="true"</#if>>
        <div id="input-error-otp-code">
          <#if messagesPerField.existsError('totp')><p class="error" role="alert">${messagesPerField.get('totp')}</p></#if>
        </div>
        <input type="hidden" id="totpSecret" name="totpSecret" value="${totp.totpSecret}">
        <#if mode??><input type="hidden" id="mode" name="mode" value="${mode}"></#if>
      </div>
      <div class="${properties.kcFormGroupClass!}">
        <label for="userLabel">${msg("loginTotpDeviceName")}</label>
        <span class="hint" id="userLabel-hint">${msg("loginTotpStep3DeviceName")}</span>
        <input type="text" id="userLabel" name="userLabel" autocomplete="off" aria-describedby="userLabel-hint input-error-otp-label"
               <#if messagesPerField.existsError('userLabel')>aria-invalid="true"</#if>>
        <div id="input-error-otp-label">
          <#if messagesPerField.existsError('userLabel')><p class="error" role="alert">${messagesPerField.get('userLabel')}</p></#if>
        </div>
      </div>
      <@buttons.actionGroup horizontal=true>
        <@buttons.button id="saveTOTPBtn" label="moyaiTotpDone"/>
        <#if isAppInitiatedAction??><@buttons.button id="cancelTOTPBtn" label="doCancel" name="cancel-aia" type="secondary"/></#if>
      </@buttons.actionGroup>
    </form>
  </#if>
</@layout.registrationLayout>
