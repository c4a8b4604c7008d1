// Shows the OpenAPI document with Swagger UI. It only reads: without submit methods no request is made from here.
const none = () => () => null;
const place = document.getElementById("reference");
SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  displayOperationId: true,
  // Of 150 operations and subjects shown at once Swagger UI draws only those on the screen, out of reach of a search.
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  supportedSubmitMethods: [],
  syntaxHighlight: false,
  // The page itself says what the API is; a server is not chosen and no token is typed here.
  plugins: [() => ({ wrapComponents: { InfoContainer: none, SchemesContainer: none, ServersContainer: none, AuthorizeBtnContainer: none, authorizeOperationBtn: none } })],
});
