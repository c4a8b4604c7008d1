<#-- The frame of every mail. Mail programs know no style sheets of their own: what is needed stands at each element. -->
<#macro emailLayout>
<html lang="${locale.language}" dir="${(ltr)?then('ltr','rtl')}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Moyai</title>
</head>
<body style="margin:0;background:#ffffff;color:#1a1a1a;font-family:'Noto Sans JP','Hiragino Sans','Yu Gothic UI',Meiryo,sans-serif;font-size:16px;line-height:1.7">
  <div style="background:#000060;color:#ffffff;padding:14px 24px;font-size:18px;font-weight:bold">${realmName?replace("運営者", msg("moyai.operators"))}</div>
  <div role="main" style="max-width:640px;padding:24px">
    <#nested>
  </div>
</body>
</html>
</#macro>
