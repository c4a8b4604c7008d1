<#import "template.ftl" as layout>
<#include "facts.ftl">
<@layout.emailLayout>
<p>${msg("moyai.greeting", person?trim)}</p>
<p><#if organization?has_content>${msg("moyai.registered", organization)}<#else>${msg("moyai.registeredNowhere")}</#if><br>
${msg("moyai.setPassword", until)}</p>
<p><a href="${link}" style="display:inline-block;padding:12px 24px;background:#0017c1;color:#ffffff;font-weight:bold;text-decoration:none;border-radius:8px">${msg("moyai.link")}</a></p>
<p>${msg("moyai.afterwards")}</p>
<table style="border-collapse:collapse">
  <#if organization?has_content><tr><th scope="row" style="text-align:left;vertical-align:top;padding:4px 24px 4px 0">${msg("moyai.organization")}</th><td style="padding:4px 0">${organization}</td></tr></#if>
  <#if invitedBy?has_content><tr><th scope="row" style="text-align:left;vertical-align:top;padding:4px 24px 4px 0">${msg("moyai.invitedBy")}</th><td style="padding:4px 0">${invitedBy}</td></tr></#if>
  <tr><th scope="row" style="text-align:left;vertical-align:top;padding:4px 24px 4px 0">${msg("moyai.until")}</th><td style="padding:4px 0">${until}</td></tr>
</table>
<p>${msg("moyai.ask")}:<br>
${contact?has_content?then(contact, invitedBy?has_content?then(invitedBy, msg("moyai.askInviter")))}</p>
<p style="color:#4d4d4d;font-size:14px">${msg("moyai.noReply")}</p>
</@layout.emailLayout>
