window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.external = { greeting: () => "The script has written this." };
