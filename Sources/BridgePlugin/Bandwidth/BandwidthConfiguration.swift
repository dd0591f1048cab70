import CNI
import NetCore
import NetPlan

/// The bandwidth plugin's keys (cni.md 2.8): the configuration's own where it has one of them, else the runtime's
/// (capability `bandwidth`).
public struct BandwidthConfiguration: Sendable {
    /// One direction, as it is configured.
    public struct Limit: Hashable, Sendable {
        /// Bytes a second.
        public let rate: UInt64
        /// Bytes.
        public let burst: UInt32

        /// The burst that lets a link of that MTU send at the rate: a full frame is never smaller, and the timer that lets
        /// packets go is late by so much (measured: docs/plugins/bandwidth.md).
        func least(mtu: Int) -> UInt32 {
            let frame = mtu + BandwidthConfiguration.frameHeader
            return max(burst, UInt32(clamping: max(UInt64(frame), rate / 250)))
        }
    }

    /// What comes to the container, and what it sends; nil is without limit.
    public let ingress: Limit?
    public let egress: Limit?

    /// Of an Ethernet frame, which a token bucket counts, too.
    static let frameHeader = 14
    private static let keys = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"]

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        for key in ["shapedSubnets", "unshapedSubnets"] where try root.strings(key)?.isEmpty == false {
            throw root.unsupported(key, "cannot be kept: all of a container's traffic is limited, or none")
        }
        let runtime = try ConfigurationObject(request.configuration.runtimeConfig, path: "runtimeConfig").object(
            "bandwidth")
        // Both are checked, whichever holds.
        let own = (try BandwidthConfiguration.limit(root, "ingress"), try BandwidthConfiguration.limit(root, "egress"))
        var theirs: (Limit?, Limit?) = (nil, nil)
        if let runtime {
            theirs = (
                try BandwidthConfiguration.limit(runtime, "ingress"),
                try BandwidthConfiguration.limit(runtime, "egress")
            )
        }
        (ingress, egress) = BandwidthConfiguration.keys.contains(where: root.has) ? own : theirs
    }

    private static func limit(_ object: ConfigurationObject, _ direction: String) throws(CNIError) -> Limit? {
        let (rateKey, burstKey) = ("\(direction)Rate", "\(direction)Burst")
        let rate = try object.integer(rateKey, in: 0...Int.max) ?? 0
        let burst = try object.integer(burstKey, in: 0...Int.max) ?? 0
        if rate == 0, burst == 0 { return nil }
        guard rate > 0 else { throw object.error(burstKey, "needs \"\(object.place(rateKey))\" beside it, in bit/s") }
        guard burst > 0 else { throw object.error(rateKey, "needs \"\(object.place(burstKey))\" beside it, in bits") }
        guard rate >= 8 else { throw object.error(rateKey, "is less than a byte a second: it is in bit/s") }
        guard let bytes = UInt32(exactly: burst / 8) else {
            throw object.error(burstKey, "is too large: it is in bits, and 4 GiB is the most")
        }
        return Limit(rate: UInt64(rate / 8), burst: bytes)
    }
}
