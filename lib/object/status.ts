export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}
