<#-- A new password or factor ends the person's other sessions in any case: Moyai does it, nobody is asked. -->
<#macro logoutOtherSessions>
</#macro>
