// protobuf: messages of proto3 as plain objects, by a descriptor that the build makes.

export { Codec, type CodecOptions, type Descriptor, descriptorOf, type MethodDescriptor, type WireField, type WireType } from './codec.js'
export { WireFault } from './reader.js'
