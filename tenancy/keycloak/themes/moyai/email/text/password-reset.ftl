<#ftl output_format="plainText">
<#include "facts.ftl">
${msg("moyai.greeting", person?trim)}

${msg("moyai.resetAsked")}
${msg("moyai.setPassword", until)}

${link}

${msg("moyai.resetNotYou")}

${msg("moyai.noReply")}
