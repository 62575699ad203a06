// object: what all API objects share: metadata, selectors, quantities, patches, errors, tables. Pure.

export type * from './api-object.js'
export { findCondition, isConditionTrue, removeCondition, setCondition } from './conditions.js'
export { age, humanDuration, shortHumanDuration } from './duration.js'
export type { FieldError, FieldErrorReason } from './field.js'
export * as field from './field.js'
export {
  everyField,
  exactField,
  type FieldRequirement,
  type FieldSelector,
  type FieldSelectorResult,
  formatFieldSelector,
  matchesFields,
  parseFieldSelector
} from './fields.js'
export { generateName, nameAlphabet, randomSuffix, safeEncode } from './generate-name.js'
export {
  everything,
  formatLabelSelector,
  formatSelector,
  type LabelOperator,
  type LabelRequirement,
  matchesLabels,
  nothing,
  parseLabelSelector,
  type Selector,
  type SelectorResult,
  selectorOf,
  selectorOfMap,
  validateLabelSelector,
  validateLabels
} from './labels.js'
export { changedFields, type FieldManager, fieldsOf, removedFields, type TypedBy, updateManagedFields } from './managed-fields.js'
export {
  carryOverMetadata,
  cloneJson,
  deepEqual,
  immutableFault,
  isBeingDeleted,
  type MetadataRule,
  objectKey,
  semanticEqual,
  setOwn,
  validateAnnotations,
  validateMetadata,
  validateMetadataUpdate
} from './meta.js'
export * from './names.js'
export { controllerOf, controllerReference, isControlledBy } from './owner-references.js'
export {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type PatchResult,
  patchCopyBytesMax,
  patchDepthMax,
  patchOperationsMax
} from './patch/index.js'
export * from './quantity.js'
export type { Schema, Schemas } from './schema.js'
export type { DeniedRequest, GroupKind, GroupResource, Status, StatusCause, StatusDetails, StatusReason } from './status.js'
export * as errors from './status.js'
export { StatusError } from './status.js'
export * from './table.js'
export { formatMicroTime, formatTime, parseTime } from './timestamp.js'
export { findDuplicateFields } from './validate-duplicates.js'
export {
  createValidators,
  decodeErrorText,
  duplicateFieldText,
  type Failure,
  strictErrorText,
  unknownFieldText,
  type Validate,
  type Validation
} from './validate-schema.js'
