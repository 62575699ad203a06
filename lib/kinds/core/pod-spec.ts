// PodSpec: what a pod is asked to be. Lean: the fields this project reads are spelled out; volumes' sources and
// affinity's rarer parts stay open, since they are stored and returned untouched.

import type { ApiObject, IntOrString, Json, LabelSelector, LocalObjectReference, ObjectMeta, ObjectReference } from '../../object/index.js'
import type { PodStatus } from './pod-status.js'

export interface Pod extends ApiObject {
  spec: PodSpec
  status?: PodStatus
}

export interface PodTemplateSpec {
  metadata?: ObjectMeta
  spec: PodSpec
}

export interface PodSpec {
  activeDeadlineSeconds?: number
  affinity?: Affinity
  automountServiceAccountToken?: boolean
  containers: Container[]
  dnsConfig?: { nameservers?: string[]; searches?: string[]; options?: { name?: string; value?: string }[] }
  dnsPolicy?: string
  enableServiceLinks?: boolean
  ephemeralContainers?: EphemeralContainer[]
  hostAliases?: { ip: string; hostnames?: string[] }[]
  hostIPC?: boolean
  hostNetwork?: boolean
  hostPID?: boolean
  hostUsers?: boolean
  hostname?: string
  hostnameOverride?: string
  imagePullSecrets?: LocalObjectReference[]
  initContainers?: Container[]
  nodeName?: string
  nodeSelector?: Record<string, string>
  os?: { name: string }
  overhead?: ResourceList
  preemptionPolicy?: string
  priority?: number
  priorityClassName?: string
  readinessGates?: { conditionType: string }[]
  resourceClaims?: { name: string; resourceClaimName?: string; resourceClaimTemplateName?: string }[]
  resources?: ResourceRequirements
  restartPolicy?: string // Always, OnFailure, Never
  runtimeClassName?: string
  schedulerName?: string
  schedulingGates?: { name: string }[]
  securityContext?: PodSecurityContext
  serviceAccount?: string
  serviceAccountName?: string
  setHostnameAsFQDN?: boolean
  shareProcessNamespace?: boolean
  subdomain?: string
  terminationGracePeriodSeconds?: number
  tolerations?: Toleration[]
  topologySpreadConstraints?: TopologySpreadConstraint[]
  volumes?: Volume[]
}

export interface Container {
  name: string
  image?: string
  imagePullPolicy?: string // Always, IfNotPresent, Never
  args?: string[]
  command?: string[]
  env?: EnvVar[]
  envFrom?: EnvFromSource[]
  lifecycle?: Lifecycle
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  ports?: ContainerPort[]
  resizePolicy?: { resourceName: string; restartPolicy: string }[]
  resources?: ResourceRequirements
  restartPolicy?: string
  restartPolicyRules?: Json[]
  securityContext?: SecurityContext
  stdin?: boolean
  stdinOnce?: boolean
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: { devicePath: string; name: string }[]
  volumeMounts?: VolumeMount[]
  workingDir?: string
}

export interface EphemeralContainer extends Container {
  targetContainerName?: string
}

export interface ContainerPort {
  containerPort: number
  hostIP?: string
  hostPort?: number
  name?: string
  protocol?: string
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: {
    configMapKeyRef?: { key: string; name?: string; optional?: boolean }
    fieldRef?: { apiVersion?: string; fieldPath: string }
    resourceFieldRef?: { containerName?: string; divisor?: string; resource: string }
    secretKeyRef?: { key: string; name?: string; optional?: boolean }
    fileKeyRef?: { key: string; path: string; volumeName: string; optional?: boolean }
  }
}

export interface EnvFromSource {
  configMapRef?: { name?: string; optional?: boolean }
  prefix?: string
  secretRef?: { name?: string; optional?: boolean }
}

export interface Handler {
  exec?: { command?: string[] }
  httpGet?: {
    host?: string
    httpHeaders?: { name: string; value: string }[]
    path?: string
    port: IntOrString
    scheme?: string
  }
  tcpSocket?: { host?: string; port: IntOrString }
  sleep?: { seconds: number }
}

export interface Lifecycle {
  postStart?: Handler
  preStop?: Handler
  stopSignal?: string
}

export interface Probe extends Handler {
  failureThreshold?: number
  grpc?: { port: number; service?: string }
  initialDelaySeconds?: number
  periodSeconds?: number
  successThreshold?: number
  terminationGracePeriodSeconds?: number
  timeoutSeconds?: number
}

/** Resource name → quantity. */
export type ResourceList = Record<string, string>

export interface ResourceRequirements {
  claims?: { name: string; request?: string }[]
  limits?: ResourceList
  requests?: ResourceList
}

export interface SecurityContext {
  allowPrivilegeEscalation?: boolean
  capabilities?: { add?: string[]; drop?: string[] }
  privileged?: boolean
  procMount?: string
  readOnlyRootFilesystem?: boolean
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  appArmorProfile?: Json
  seLinuxOptions?: Json
  seccompProfile?: Json
  windowsOptions?: Json
}

export interface PodSecurityContext {
  fsGroup?: number
  fsGroupChangePolicy?: string
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxChangePolicy?: string
  supplementalGroups?: number[]
  supplementalGroupsPolicy?: string
  sysctls?: { name: string; value: string }[]
  appArmorProfile?: Json
  seLinuxOptions?: Json
  seccompProfile?: Json
  windowsOptions?: Json
}

export interface VolumeMount {
  mountPath: string
  mountPropagation?: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
  subPath?: string
  subPathExpr?: string
}

export interface Toleration {
  effect?: string
  key?: string
  operator?: string // Exists, Equal
  tolerationSeconds?: number
  value?: string
}

export interface Affinity {
  nodeAffinity?: {
    preferredDuringSchedulingIgnoredDuringExecution?: { preference: NodeSelectorTerm; weight: number }[]
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] }
  }
  podAffinity?: PodAffinity
  podAntiAffinity?: PodAffinity
}

export interface PodAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: { podAffinityTerm: PodAffinityTerm; weight: number }[]
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[]
}

export interface PodAffinityTerm {
  labelSelector?: LabelSelector
  matchLabelKeys?: string[]
  mismatchLabelKeys?: string[]
  namespaceSelector?: LabelSelector
  namespaces?: string[]
  topologyKey: string
}

export interface NodeSelectorTerm {
  matchExpressions?: NodeSelectorRequirement[]
  matchFields?: NodeSelectorRequirement[]
}

export interface NodeSelectorRequirement {
  key: string
  operator: string // In, NotIn, Exists, DoesNotExist, Gt, Lt
  values?: string[]
}

export interface TopologySpreadConstraint {
  labelSelector?: LabelSelector
  matchLabelKeys?: string[]
  maxSkew: number
  minDomains?: number
  nodeAffinityPolicy?: string
  nodeTaintsPolicy?: string
  topologyKey: string
  whenUnsatisfiable: string
}

export interface KeyToPath {
  key: string
  mode?: number
  path: string
}

/** A volume has a name and one source. Sources nobody here reads are kept as they came. */
export interface Volume {
  name: string
  emptyDir?: { medium?: string; sizeLimit?: string }
  hostPath?: { path: string; type?: string }
  configMap?: { name?: string; items?: KeyToPath[]; defaultMode?: number; optional?: boolean }
  secret?: { secretName?: string; items?: KeyToPath[]; defaultMode?: number; optional?: boolean }
  downwardAPI?: { items?: DownwardFile[]; defaultMode?: number }
  projected?: { defaultMode?: number; sources?: ProjectedSource[] }
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean }
  ephemeral?: { volumeClaimTemplate?: { metadata?: ObjectMeta; spec: Record<string, Json> } }
  image?: { reference?: string; pullPolicy?: string }
  csi?: Json
  nfs?: Json
  iscsi?: Record<string, Json>
  rbd?: Record<string, Json>
  azureDisk?: Record<string, Json>
  scaleIO?: Record<string, Json>
  [source: string]: unknown
}

export interface DownwardFile {
  path: string
  mode?: number
  fieldRef?: { apiVersion?: string; fieldPath: string }
  resourceFieldRef?: { containerName?: string; divisor?: string; resource: string }
}

export interface ProjectedSource {
  configMap?: { name?: string; items?: KeyToPath[]; optional?: boolean }
  secret?: { name?: string; items?: KeyToPath[]; optional?: boolean }
  downwardAPI?: { items?: DownwardFile[] }
  serviceAccountToken?: { audience?: string; expirationSeconds?: number; path: string }
  clusterTrustBundle?: Json
  podCertificate?: Json
}

/** core/v1 Binding: what the scheduler posts to pods/binding. */
export interface Binding extends ApiObject {
  target: ObjectReference
}
