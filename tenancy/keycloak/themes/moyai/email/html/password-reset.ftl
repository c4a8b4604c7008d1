<#import "template.ftl" as layout>
<#include "facts.ftl">
<@layout.emailLayout>
<p>${msg("moyai.greeting", person?trim)}</p>
<p>${msg("moyai.resetAsked")}<br>
${msg("moyai.setPassword", until)}</p>
<p><a href="${link}" style="display:inline-block;padding:12px 24px;background:#0017c1;color:#ffffff;font-weight:bold;text-decoration:none;border-radius:8px">${msg("moyai.resetLink")}</a></p>
<p>${msg("moyai.resetNotYou")}</p>
<p style="color:#4d4d4d;font-size:14px">${msg("moyai.noReply")}</p>
</@layout.emailLayout>
