/// What a control group has used and may use. A part is nil where the host lacks its controller.
public struct CgroupStatistics: Hashable, Sendable {
    /// Bytes.
    public struct Memory: Hashable, Sendable {
        public var usage: UInt64 = 0
        /// The highest usage; nil where the kernel does not keep it (v2 before 5.19).
        public var peak: UInt64?
        /// The group's own limit; nil without one.
        public var limit: UInt64?
        /// Of the usage, what are pages of files.
        public var cache: UInt64 = 0
        /// Of the usage, what the kernel takes back first: Docker's client subtracts it.
        public var inactiveFile: UInt64 = 0
        /// How often the limit was hit.
        public var failures: UInt64 = 0
        /// `memory.stat` as the kernel writes it, with its names.
        public var stat: [CgroupCounter] = []
        public init() {}
    }

    /// Nanoseconds.
    public struct CPU: Hashable, Sendable {
        public var total: UInt64 = 0
        public var user: UInt64 = 0
        public var system: UInt64 = 0
        /// A figure a processor; empty on v2, which keeps none.
        public var each: [UInt64] = []
        public var periods: UInt64 = 0
        public var throttledPeriods: UInt64 = 0
        public var throttledTime: UInt64 = 0
        public init() {}
    }

    public struct Pids: Hashable, Sendable {
        public var current: UInt64 = 0
        public var limit: UInt64?
        public init() {}
    }

    /// What went to or came from a block device.
    public struct Transfer: Hashable, Sendable {
        public let major: UInt64
        public let minor: UInt64
        /// "read" or "write".
        public let operation: String
        public let value: UInt64
    }

    public var memory: Memory?
    public var cpu: CPU?
    public var pids: Pids?
    public var ioBytes: [Transfer] = []
    public var ioOperations: [Transfer] = []
    public init() {}
}

/// A counter of the kernel with its name there.
public struct CgroupCounter: Hashable, Sendable {
    public let name: String
    public let value: UInt64
}
