// What a test of the chat without scripts stands on: a server, postern in front of it, and buddies on an independent client.
import { Buddy } from './buddy.mjs';
import { Authority } from './certs.mjs';
import { stop_all } from './cleanup.mjs';
import { start_postern } from './postern.mjs';

// server: options of the server (lib/server.mjs). people: who sits at the other end. port: gives where postern finds the server, if
// something stands between them, tls how it gets there. domain: gives more of the domain's configuration. others: domains beside
// that of the server. gateway: more of postern's configuration.
export async function start_world(world, kind, { server = {}, people = ['bob', 'carol'], port, tls = 'starttls', domain, others = [], webchat, gateway = {} } = {}) {
  world.authority = await Authority.create();
  world.server = await kind.start({ tls: await world.authority.good('postern.test', 'rooms.postern.test', 'guests.postern.test', 'localhost'), ...server });
  const address = `127.0.0.1:${(await port?.(world.server)) ?? world.server.c2s_port}`;
  const domains = [{ name: 'postern.test', ...domain?.(world.server) }, ...(world.server.guests ? [{ name: world.server.guests, guests: true }] : []), ...others]
    .map((one) => ({ server: address, tls, ca_file: world.server.tls.trust, ...one }));
  world.gateway = await start_postern({
    domains, ...gateway,
    webchat: { enabled: true, logins_per_minute_per_address: 0, logins_per_minute_per_account: 0, ...webchat },
  });
  world.origin = world.gateway.listeners[0].origin;
  for (const name of people) {
    world[name] = await Buddy.connect(world.server, name);
    world[name].presence();
  }
  world.people = people;
}

export async function stop_world(world) {
  await stop_all(...(world.people ?? []).map((name) => world[name] && { stop: () => world[name].quit() }), world.gateway, world.server,
    world.server?.upload_wire);
}
