<#macro content>
  <#if pageId = "login">
  <div class="help">
    <h2>${msg("moyaiHelpTitle")}</h2>
    <ul>
      <#if !realm.resetPasswordAllowed><li>${msg("moyaiHelpForgotten")}</li></#if>
      <li>${msg("moyaiHelpInvited")}</li>
      <#if (client.baseUrl)?has_content><li><a href="${client.baseUrl}login?other=1">${msg("moyaiHelpOther")}</a></li></#if>
    </ul>
  </div>
  </#if>
</#macro>
