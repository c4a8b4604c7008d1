<#ftl output_format="plainText">
<#include "facts.ftl">
${msg("moyai.greeting", person?trim)}

<#if organization?has_content>${msg("moyai.registered", organization)}<#else>${msg("moyai.registeredNowhere")}</#if>
${msg("moyai.setPassword", until)}

${link}

${msg("moyai.afterwards")}

<#if organization?has_content>
${msg("moyai.organization")}: ${organization}
</#if>
<#if invitedBy?has_content>
${msg("moyai.invitedBy")}: ${invitedBy}
</#if>
${msg("moyai.until")}: ${until}

${msg("moyai.ask")}:
${contact?has_content?then(contact, invitedBy?has_content?then(invitedBy, msg("moyai.askInviter")))}

${msg("moyai.noReply")}
