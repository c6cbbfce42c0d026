// The player's state in the page's address, so that the address is a link to it.

const short = (seconds) => String(Number(seconds.toFixed(4)));

/** Put cursor, marked stretch and chosen track into the address; returns the parameters as they are then.
 *
 * The page sets them too, which would add a step to the browser's history if they were not there already. */
export function putInAddress({ time, region, active }) {
  const link = { track: active, t: short(time) };
  if (region) link.region = region.map(short).join("-");
  const parameters = new URLSearchParams(location.search);
  for (const name of ["region", "track", "t"]) {
    if (name in link) parameters.set(name, link[name]);
    else parameters.delete(name);
  }
  history.replaceState(history.state, "", `?${parameters}`);
  return link;
}
