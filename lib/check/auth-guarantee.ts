// Auth guarantee: what a store promises of users, roles and what they may do, each as one text.

export const authGuarantees = {
  authWrite: 'a write is done only if its caller may write there when it takes effect',
  authRead: 'a linearizable read tells only what its caller may read when it takes effect',
  authStaleRead: 'a serializable read tells only what its caller may have read at some time before',
  authAllowed: 'who has the permission all the while is not denied it',
  authNobody: 'while auth is on, who shows nothing is let in nowhere; while it is off, everybody is',
  authToken: 'a token is good for nothing once its user has another password or is gone, or auth was turned off',
  authTokenEverywhere: 'a token is good at every member that runs, once nothing fails',
  authLogin: 'nothing but a user’s password gives a token',
  authRightPassword: 'a user’s password is not refused',
  authAdministration: 'users and roles are changed by root only; they are told of to root, of oneself, and of a role one has',
  authReason: 'a request about users or roles is refused only for what is so',
  authRevision: 'the auth revision never goes back, and grows by one with each change',
  authTrue: 'what is told of users and roles is what the changes up to that auth revision made of them',
  authSame: 'members that are at one auth revision hold the same users and roles'
} as const
