public import NetCore

/// A way to a daemon that is open: a stream socket, and why it ended where the socket itself cannot tell.
public struct Wire: ~Copyable {
    let descriptor: OwnedDescriptor
    let failure: @Sendable () -> ClientError?

    /// `failure` is asked when the stream ends before its answer; nil when nothing went wrong that it knows of.
    public init(_ descriptor: consuming OwnedDescriptor, failure: @escaping @Sendable () -> ClientError? = { nil }) {
        self.descriptor = descriptor
        self.failure = failure
    }
}

/// Opens a way to a daemon of another kind than this module's own sockets: TLS. Throws who does not answer, and why.
public typealias Connector = @Sendable (Endpoint) throws(ClientError) -> Wire
