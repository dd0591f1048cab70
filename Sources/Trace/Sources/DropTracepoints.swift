import CKernel
import Glibc
import NetCore

/// The kernel's own word on dropped packets (tracepoint skb:kfree_skb), with the devices that each packet met before. Only root
/// of the machine has it: a private instance of tracefs, mounted nowhere, that goes with this object.
final class DropTracepoints {
    /// A buffer that the kernel gave up.
    struct Drop: Hashable, Sendable {
        /// "IP_INADDRERRORS", as this kernel names it.
        var reason: String
        /// "ip_error".
        var function: String
        /// Devices that the same buffer passed, oldest first, without repetition.
        var devices: [String]
        /// Bytes from the network header on where a device received it last; nil when none did.
        var length: Int?
        /// The thread in whose time it was dropped.
        var thread: Int32
        /// Of IP; the messages of netlink are buffers, too, and the tracer's own among them.
        var isIP: Bool
        /// Nanoseconds of CLOCK_MONOTONIC at which a device met it last; nil when none did.
        var met: Int64?
    }

    private let tracefs: OwnedDescriptor
    let name: String
    private var pipe: Int32 = -1
    private var text: [UInt8] = []
    private static let events = ["net/net_dev_queue", "net/netif_receive_skb", "skb/kfree_skb"]

    /// Records from now on. Throws what the kernel refused: EPERM to all but the machine's root.
    init(suffix: String = "") throws(KernelError) {
        tracefs = OwnedDescriptor(
            taking: try check("open tracefs, for the kernel's drop reasons") { berth_tracefs() })
        name = "instances/berth-\(getpid())-\(berth_gettid())\(suffix)"
        DropTracepoints.removeStale(tracefs.number)
        try check("make \(name) in tracefs") { mkdirat(tracefs.number, name, 0o700) }
        do throws(KernelError) {
            try set("buffer_size_kb", "1024")
            // So that its times can be held against the captures'.
            try set("trace_clock", "mono")
            for event in DropTracepoints.events { try set("events/\(event)/enable", "1") }
            pipe = try check("open \(name)/trace_pipe") {
                berth_openat(tracefs.number, "\(name)/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
            }
        } catch {
            remove()
            throw error
        }
    }

    deinit { remove() }

    private func remove() {
        if pipe >= 0 { close(pipe) }
        pipe = -1
        // Busy while a child of another thread, not yet its own program, has the pipe.
        for _ in 0..<50 {
            if unlinkat(tracefs.number, name, AT_REMOVEDIR) == 0 || errno != EBUSY { return }
            usleep(2000)
        }
    }

    /// Instances of tracers that were killed: "berth-PID-TID" of no process.
    private static func removeStale(_ tracefs: Int32) {
        let folder = berth_openat(tracefs, "instances", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard folder >= 0, let stream = fdopendir(folder) else { return }
        defer { closedir(stream) }
        for _ in 0..<1000 {
            guard let entry = readdir(stream) else { return }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let parts = name.split(separator: "-").map(String.init)
            guard parts.count >= 3, parts[0] == "berth", let process = Int32(parts[1]) else { continue }
            if kill(process, 0) != 0, errno == ESRCH { unlinkat(tracefs, "instances/\(name)", AT_REMOVEDIR) }
        }
    }

    private func set(_ file: String, _ value: String) throws(KernelError) {
        let path = "\(name)/\(file)"
        let opened = OwnedDescriptor(
            taking: try check("open \(path) of tracefs") {
                berth_openat(tracefs.number, path, O_WRONLY | O_CLOEXEC, 0)
            })
        let bytes = Array(value.utf8)
        try check("write \(value) to \(path) of tracefs") { Int32(write(opened.number, bytes, bytes.count)) }
    }

    /// Takes in what waits, before there is no room for more; 32 MB are kept.
    func drain() {
        guard text.count < 32 << 20 else { return }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        // A read gives a page at most, and the machine's other traffic is in it, too: some 3 MB when the buffers are full.
        for _ in 0..<4000 {
            let count = read(pipe, &bytes, bytes.count)
            guard count > 0 else { break }
            text += bytes[..<count]
        }
    }

    /// All drops so far.
    func drops() -> [Drop] {
        drain()
        return DropTracepoints.parse(String(decoding: text, as: UTF8.self))
    }

    /// How many of its events the kernel had no room for: the machine's other traffic is among them.
    var losses: Int { DropTracepoints.losses(String(decoding: text, as: UTF8.self)) }

    /// "CPU:1 [LOST 412 EVENTS]", or without a number where the kernel does not know it.
    static func losses(_ text: String) -> Int {
        text.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            guard words.count >= 3, words[0].hasPrefix("CPU:"), words[1] == "[LOST" else { return sum }
            return sum + (Int(words[2]) ?? 1)
        }
    }

    /// "  berth-812  [001] b.s2. 251.138577: kfree_skb: skbaddr=00000000c2b9ddb1 … location=ip_error+0x9a/0x2f0 reason: NAME".
    static func parse(_ text: String) -> [Drop] {
        var met: [String: (devices: [String], length: Int?, time: Int64?)] = [:]
        var found: [Drop] = []
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "=" }).map(String.init)
            let value = { (name: String) in
                words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
            }
            guard let address = value("skbaddr") else { continue }
            if words.contains("kfree_skb:") {
                let passed = met.removeValue(forKey: address)
                let thread = words.first?.split(separator: "-").last.flatMap { Int32($0) } ?? 0
                found.append(
                    Drop(
                        reason: value("reason:") ?? "?",
                        function: value("location").map { String($0.prefix { $0 != "+" }) } ?? "?",
                        devices: passed?.devices ?? [], length: passed?.length, thread: thread,
                        // ETH_P_IP and ETH_P_IPV6.
                        isIP: ["2048", "34525"].contains(value("protocol")), met: passed?.time))
            } else if let device = value("dev") ?? value("name") {
                var passed = met[address] ?? ([], nil, nil)
                passed.time = words.lazy.compactMap(nanoseconds).first
                if words.contains("netif_receive_skb:") { passed.length = value("len").flatMap { Int($0) } }
                if passed.devices.last != device { passed.devices.append(device) }
                met[address] = passed
            }
        }
        return found
    }

    /// "251.138577:", which is seconds; nil of any other word.
    private static func nanoseconds(_ word: String) -> Int64? {
        guard word.hasSuffix(":") else { return nil }
        let parts = word.dropLast().split(separator: ".")
        guard parts.count == 2, parts[1].count == 6, let whole = Int64(parts[0]), let part = Int64(parts[1]),
            (0..<1 << 31).contains(whole)
        else { return nil }
        return whole * 1_000_000_000 + part * 1000
    }
}
