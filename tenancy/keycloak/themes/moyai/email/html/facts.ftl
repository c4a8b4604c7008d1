<#-- What the mails have in common. Moyai writes the attributes before it has a mail sent. -->
<#setting time_zone="Asia/Tokyo">
<#setting locale="en_GB">
<#assign organization = (user.attributes["mail_organization"])!"">
<#assign invitedBy = (user.attributes["mail_invited_by"])!"">
<#assign contact = (user.attributes["mail_contact"])!"">
<#assign ends = (.now?long + linkExpiration * 60000)?number_to_datetime>
<#if locale.language == "ja">
  <#-- Not every Java knows the Japanese names of the days. -->
  <#assign weekday = ["月", "火", "水", "木", "金", "土", "日"][ends?string("u")?number - 1]>
  <#assign person = ((user.lastName)!"") + " " + ((user.firstName)!"")>
  <#assign until = "令和" + (ends?string("yyyy")?number - 2018)?c + ends?string("年M月d日") + "（" + weekday + "）" + ends?string("HH:mm")>
<#else>
  <#assign person = ((user.firstName)!"") + " " + ((user.lastName)!"")>
  <#assign until = ends?string("EEEE d MMMM yyyy, HH:mm") + " (Japan time)">
</#if>
