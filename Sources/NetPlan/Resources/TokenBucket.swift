import NetCore

/// What a link of the host sends is limited: at most the rate, after a burst (man 8 tc-tbf).
public struct TokenBucket: Hashable, Sendable {
    public let link: LinkName
    public let filter: TokenBucketFilter

    /// Bytes a second, and bytes.
    public init(link: LinkName, rate: UInt64, burst: UInt32) {
        self.link = link
        filter = TokenBucketFilter(rate: rate, burst: burst)
    }

    static func words(_ filter: TokenBucketFilter) -> String {
        // Somebody else's may be beyond all measure.
        let (bits, isHuge) = filter.rate.multipliedReportingOverflow(by: 8)
        return "at most \(isHuge ? .max : bits) bit/s, in bursts of \(filter.burst) bytes"
    }

    var words: String { "\(link) sends \(TokenBucket.words(filter))" }

    func commands(_ shell: ShellWriter) -> [String] {
        [
            "tc qdisc add dev \(ShellWriter.word(link)) root handle be00: tbf rate \(filter.rate * 8)bit burst \(filter.burst) limit \(filter.limit)"
        ]
    }

    func create(_ kernel: inout LinuxKernel) throws(KernelError) { try set(&kernel, replacing: false) }

    private func set(_ kernel: inout LinuxKernel, replacing: Bool) throws(KernelError) {
        let index = try kernel.requireIndex(link, .host)
        let request = try TrafficControl.setTokenBucket(
            filter, on: index, named: link.description, replacing: replacing)
        do throws(KernelError) {
            try kernel.host.perform([request])
        } catch  where error.errno == .alreadyExists {
            throw KernelError(
                error.operation, error.errno,
                "the link has a root qdisc already, from somebody else or from an ADD before: tc qdisc show dev \(link)"
            )
        } catch  where error.errno == .noSuchFile {
            throw KernelError(
                error.operation, error.errno,
                "this kernel has no token buckets; it must be built with CONFIG_NET_SCH_TBF")
        }
    }

    /// In the place of one of ours that differs, or of the kernel's own; another's is left alone.
    func mend(_ kernel: inout LinuxKernel) throws(KernelError) {
        let index = try kernel.requireIndex(link, .host)
        let found = try kernel.host.rootQdisc(of: index, named: link.description)
        if let found, !found.isOurs, !found.isDefault { return }
        // A token bucket can be changed; anything else under our handle has to go first.
        if let found, found.isOurs, found.kind != "tbf" {
            try kernel.host.perform([try TrafficControl.deleteTokenBucket(from: index, named: link.description)])
        }
        try set(&kernel, replacing: true)
    }

    func remove(_ kernel: inout LinuxKernel) throws(KernelError) { try kernel.lift(link) }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "qdisc of \(link)"
        let wanted = TokenBucket.words(filter)
        guard let index = try kernel.index(link, .host) else {
            return [Finding(object, expected: wanted, found: "no link \(link)")]
        }
        let found = try kernel.host.rootQdisc(of: index, named: link.description)
        guard let told = found?.tokenBucket else {
            return [Finding(object, expected: wanted, found: found.map(\.words) ?? "none")]
        }
        guard !filter.isTold(by: told) || found?.isOurs != true else { return [] }
        let seen = TokenBucket.words(told)
        return [
            Finding(
                object, expected: "\(wanted), \(filter.limit) bytes waiting",
                found: "\(seen), \(told.limit) bytes waiting" + (found?.isOurs == true ? "" : ", of somebody else"))
        ]
    }
}
