// Preloaded into the processes of bench `memory`: on SIGUSR2 a full garbage collection, so that what is measured is what the
// process holds, not what its collector has not come round to.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
process.on('SIGUSR2', () => collect());
