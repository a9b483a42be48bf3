// A program that embeds the library imports one module. The values that its API is made of live in the modules below
// it.
@_exported public import JRBase
@_exported public import JRCore
@_exported public import JRReactor
@_exported public import JRStorage
@_exported public import JRSystem
@_exported public import JRWire
