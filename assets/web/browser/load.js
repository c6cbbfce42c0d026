// Files of the page's own server.

import { TasnetError } from "./errors.js";

/** The bytes at an address. Throws TasnetError with the words `otherwise`. */
export async function load(address, otherwise) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) throw new TasnetError(otherwise);
  return answer.arrayBuffer();
}
