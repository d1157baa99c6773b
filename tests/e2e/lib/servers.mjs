// The table every scenario runs over. POSTERN_E2E_SERVER=prosody (or ejabberd) narrows it for a run by hand.
import { Ejabberd } from './ejabberd.mjs';
import { Prosody } from './prosody.mjs';

const wanted = process.env.POSTERN_E2E_SERVER;

export const servers = [Prosody, Ejabberd].filter((kind) => !wanted || kind.server_name === wanted);
if (servers.length === 0) throw new Error(`POSTERN_E2E_SERVER=${wanted}: prosody or ejabberd`);
