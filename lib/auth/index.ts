// auth: users, roles and what they may do to which keys: etcd's auth as a deterministic state machine.

export { Auth, authLimits, type Role, type User } from './auth.js'
export { type AuthChange, type AuthFailureCode, anonymous, type Caller, rootName } from './auth-change.js'
export { type Access, accesses, type Permission, PermittedKeys } from './permission.js'
