import CNI
import JSON
import NetCore
import NetPlan

/// The tuning plugin's keys (cni.md 2.7): args.cni before runtimeConfig before CNI_ARGS before the configuration itself.
public struct TuningConfiguration: Sendable {
    /// Path below /proc/sys and value, in order.
    public let sysctls: [(path: String, value: String)]
    public let mac: MACAddress?
    public let mtu: Int?
    public let promiscuous: Bool?
    public let allMulticast: Bool?
    public let transmitQueueLength: Int?

    /// Throws code 7, naming key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        let arguments = ConfigurationObject(request.configuration.cniArgs, path: "args.cni")
        var mac = try TuningConfiguration.unicast(arguments)
        if mac == nil { mac = try CableKeys.mac(request) }
        if mac == nil { mac = try TuningConfiguration.unicast(root) }
        self.mac = mac
        mtu = try TuningConfiguration.number(arguments, root, "mtu", 68...65535)
        transmitQueueLength = try TuningConfiguration.number(arguments, root, "txQLen", 0...Int(Int32.max))
        promiscuous = try TuningConfiguration.flag(arguments, root, "promisc")
        allMulticast = try TuningConfiguration.flag(arguments, root, "allmulti")
        var merged: [(path: String, value: String)] = []
        for object in [try root.object("sysctl"), try arguments.object("sysctl")].compactMap({ $0 }) {
            // A list: there are few, and a set's metadata is dearer than the search (docs/adr/0007-start.md).
            var seen: [String] = []
            for (path, value) in try TuningConfiguration.sysctls(object, request) {
                guard !seen.contains(path) else {
                    throw object.error(path, "stands twice, once with dots and once with slashes")
                }
                seen.append(path)
                merged.removeAll { $0.path == path }
                merged.append((path, value))
            }
        }
        sysctls = merged
        try TuningConfiguration.requireAllowed(merged.map(\.path), request)
    }

    private static func unicast(_ object: ConfigurationObject) throws(CNIError) -> MACAddress? {
        guard let mac = try object.mac("mac") else { return nil }
        guard !mac.isMulticast, !mac.isZero else { throw object.error("mac", "is no unicast address") }
        return mac
    }

    private static func number(
        _ arguments: ConfigurationObject, _ root: ConfigurationObject, _ key: String, _ range: ClosedRange<Int>
    ) throws(CNIError) -> Int? {
        for object in [arguments, root] {
            guard let value = try object.integer(key, in: 0...range.upperBound) else { continue }
            // 0 is the reference's "leave it as it is".
            if value == 0 { return nil }
            guard range.contains(value) else { throw object.error(key, "is below \(range.lowerBound)") }
            return value
        }
        return nil
    }

    /// false is the reference's "leave it as it is".
    private static func flag(_ arguments: ConfigurationObject, _ root: ConfigurationObject, _ key: String)
        throws(CNIError) -> Bool?
    {
        if arguments.has(key) { return try arguments.bool(key) }
        return try root.bool(key) ? true : nil
    }

    private static func sysctls(_ object: ConfigurationObject, _ request: Request) throws(CNIError) -> [(
        String, String
    )] {
        var found: [(String, String)] = []
        for (key, value) in object.json {
            guard let text = value.string else { throw object.error(key, "must be a string") }
            let name =
                request.interface.map {
                    key.replacingIFNAME(with: $0.description, slashes: Sysctl.separator(of: key) == "/")
                } ?? key
            guard let path = Sysctl.path(name) else {
                throw object.error(key, "is not below net/: only parameters of the container's network may be set")
            }
            guard !text.utf8.contains(0), !text.utf8.contains(0x0a) else {
                throw object.error(key, "has a value with a line break")
            }
            found.append((path, text))
        }
        return found
    }

    /// /etc/cni/tuning/allowlist.conf, where an administrator keeps one: a regular expression a line.
    private static func requireAllowed(_ paths: [String], _ request: Request) throws(CNIError) {
        guard !paths.isEmpty else { return }
        let file = request.environment["BERTH_TUNING_ALLOWLIST"] ?? "/etc/cni/tuning/allowlist.conf"
        let bytes: [UInt8]
        do throws(KernelError) {
            guard let read = try ignoring(.noSuchFile, do: { () throws(KernelError) in try Files.read(file) }) else {
                return
            }
            bytes = read
        } catch {
            throw CNIError(.inputOutput, error.description)
        }
        let patterns = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.isEmpty }.map(
            String.init)
        for path in paths {
            guard !patterns.contains(where: { PosixExpression($0)?.matches(path.dotted) ?? false }) else { continue }
            throw CNIError(
                .invalidConfiguration, "sysctl \(path.dotted) is not allowed by \(file)",
                details: "its lines are regular expressions of the names with dots")
        }
    }
}

extension String {
    /// IFNAME in a key stands for the interface; its own dots are written as slashes where dots separate.
    fileprivate func replacingIFNAME(with name: String, slashes: Bool) -> String {
        let separator: Character = slashes ? "/" : "."
        let written = slashes ? name : String(name.map { $0 == "." ? "/" : $0 })
        return split(separator: separator, omittingEmptySubsequences: false).map {
            $0 == "IFNAME" ? written : String($0)
        }
        .joined(by: String(separator))
    }

    fileprivate var dotted: String { String(map { $0 == "/" ? "." : $0 == "." ? "/" : $0 }) }
}
