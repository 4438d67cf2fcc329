// Reads one JSON object from stdin: {issuer, audience, now, jwks, tokens: {name: jwt}, signers: {name: {alg, jwk, …}}}.
// Writes {verified: {name: claims or error code}, signed: {name: jwt}}.
import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from "jose";
import { text } from "node:stream/consumers";

const { issuer, audience, now, jwks, tokens, signers } = JSON.parse(await text(process.stdin));
const keys = createLocalJWKSet(jwks);
const expected = { issuer, audience, typ: "at+jwt", currentDate: new Date(now * 1000), requiredClaims: ["sid", "jti"] };

const verified = {};
for (const [name, token] of Object.entries(tokens)) {
  try {
    const { payload } = await jwtVerify(token, keys, expected);
    verified[name] = payload;
  } catch (error) {
    verified[name] = error.code ?? String(error);
  }
}

const signed = {};
for (const [name, { alg, kid, jwk, claims }] of Object.entries(signers)) {
  const key = await importJWK(jwk, alg);
  signed[name] = await new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "at+jwt" }).sign(key);
}

process.stdout.write(JSON.stringify({ verified, signed }));
