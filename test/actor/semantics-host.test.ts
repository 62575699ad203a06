import { HostHarness } from '../host/host-harness.js'
import { semantics } from './semantics.js'

semantics('worker threads', () => HostHarness.start())
