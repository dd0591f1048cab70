/// What a group may have of a resource in truth: the tightest limit among its own and its ancestors'.
public struct EffectiveLimit: Hashable, Sendable {
    public enum Resource: String, Sendable {
        case memory
        case memoryAndSwap
        case cpu
        /// The processors it may run on.
        case cpus
        case pids
    }

    public let resource: Resource
    /// Bytes, thousandths of a processor, processors, or processes.
    public let value: Int64
    /// For people: "256 MiB", "0.5 CPU", "CPUs 0-1", "100 processes".
    public let text: String
    /// The group that has it, as a path of the hierarchy: "/pods".
    public let path: String
}
