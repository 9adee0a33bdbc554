// Which IP addresses may be connected to: public unicast, nothing else (safety.md T20, M15). ipaddr.js knows most special
// ranges; those it misses, and the tunnels that wrap an IPv4 address, are listed here.
import ipaddr from 'ipaddr.js';

const NOT_PUBLIC_V4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local, cloud metadata
  '172.16.0.0/12',
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // 6to4 relay
  '192.168.0.0/16',
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
].map((cidr) => ipaddr.IPv4.parseCIDR(cidr));

/** Only 2000::/3 is global unicast, which leaves out mapped, compatible, NAT64, ULA, link-local, site-local and multicast. */
const GLOBAL_V6 = ipaddr.IPv6.parseCIDR('2000::/3');
const NOT_PUBLIC_V6 = [
  '2001::/23', // protocol assignments: Teredo, benchmarks, AMT, ORCHID, ...
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
].map((cidr) => ipaddr.IPv6.parseCIDR(cidr));

/** Whether an address in text form is public unicast. Anything that does not parse, or carries a zone, is not. */
export function isPublicAddress(text: string): boolean {
  const address = parse(text);
  if (!address) return false;
  if (address instanceof ipaddr.IPv4) return !NOT_PUBLIC_V4.some((range) => address.match(range));
  return address.match(GLOBAL_V6) && !NOT_PUBLIC_V6.some((range) => address.match(range));
}

/** 127.0.0.0/8 and ::1, not the forms that merely wrap them. */
export function isLoopbackAddress(text: string): boolean {
  return parse(text)?.range() === 'loopback';
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (text.includes('%')) return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}
