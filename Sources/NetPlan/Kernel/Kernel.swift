import NetCore

/// What a plan is applied to: the running kernel, or a fake for the laws of the plan.
public protocol Kernel: ~Copyable {
    /// Everything of the plan is so; or, thrown, nothing of its owned half that was not there before.
    mutating func apply(_ plan: Plan) throws(ApplyFailure)
    /// In what the kernel differs from the plan; empty when in nothing.
    mutating func findings(_ plan: Plan) throws(KernelError) -> [Finding]
    /// Nothing of the owner's is left. `keys` are its netfilter elements where they are known; nil: they are looked for.
    mutating func sweep(_ owner: Owner, keys: [NftElementKey]?) throws(Failures)
    /// Nothing is left of this plugin's attachments to the network, but for those whose tags are in `valid`.
    mutating func sweep(plugin: String, network: String, except valid: Set<Attachment>) throws(Failures)
}

/// Why a plan could not be applied, and what the way back left behind.
public struct ApplyFailure: Error, Sendable, CustomStringConvertible {
    public enum Cause: Hashable, Sendable {
        case kernel(KernelError)
        /// A published port, or an address, that somebody holds already.
        case taken(what: String, holder: String)
        /// The very same attachment stands already.
        case attached(what: String)
    }
    public let cause: Cause
    public let leftBehind: [KernelError]

    public init(_ cause: Cause, leftBehind: [KernelError] = []) {
        self.cause = cause
        self.leftBehind = leftBehind
    }

    public var description: String {
        let first =
            switch cause {
            case .kernel(let error): error.description
            case .taken(let what, let holder): "\(what) is taken by \(holder)"
            case .attached(let what): "\(what) is attached already"
            }
        return leftBehind.isEmpty
            ? first : first + "; left behind: " + leftBehind.map(\.description).joined(by: "; ")
    }
}
