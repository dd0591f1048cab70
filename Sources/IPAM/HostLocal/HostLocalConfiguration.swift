import CNI
import JSON
import NetCore

/// What `ipam`, `runtimeConfig`, `args.cni` and CNI_ARGS ask of host-local (cni.md 2.3), validated.
struct HostLocalConfiguration {
    let network: String
    let dataDirectory: String
    /// An attachment gets one address of each; none overlaps another.
    let sets: [RangeSet]
    /// Addresses that were asked for, each once: of CNI_ARGS, of `args.cni.ips`, of `runtimeConfig.ips`.
    let requested: [IPAddress]
    let routes: [CNIResult.RouteConfiguration]
    /// A file like /etc/resolv.conf.
    let resolvConf: String?

    /// Throws code 7 with the reference's sentences; the details hold key and value.
    init(_ request: Request) throws(CNIError) {
        let configuration = request.configuration
        let ipam = try configuration.ipam()
        network = configuration.name
        dataDirectory = try HostLocalConfiguration.dataDirectory(configuration)
        sets = try HostLocalConfiguration.sets(configuration, ipam)
        requested = try HostLocalConfiguration.requested(request)
        resolvConf = try ipam.string("resolvConf")
        routes = try ipam.routes()
    }

    /// Where the leases are: all that DEL and GC need, so that a list whose ranges were edited since still releases.
    static func dataDirectory(_ configuration: NetworkConfiguration) throws(CNIError) -> String {
        try configuration.ipam().string("dataDir") ?? LeaseStore.defaultDataDirectory
    }

    /// Whether the list leaves all ranges to the runtime (`runtimeConfig.ipRanges`), which STATUS is not told.
    static func leavesRangesToRuntime(_ configuration: NetworkConfiguration) throws(CNIError) -> Bool {
        let ipam = try configuration.ipam()
        return !ipam.has("ranges") && !ipam.has("subnet") && configuration.runtimeConfig["ipRanges"] == nil
    }

    // MARK: - Ranges

    private static func sets(
        _ configuration: NetworkConfiguration, _ ipam: ConfigurationObject
    ) throws(CNIError) -> [RangeSet] {
        let runtime = ConfigurationObject(configuration.runtimeConfig, path: "runtimeConfig")
        var lists = try runtime.objectLists("ipRanges") ?? []
        if ipam.has("subnet") { lists.append([ipam]) }
        lists += try ipam.objectLists("ranges") ?? []
        guard !lists.isEmpty else { throw CNIError(.invalidConfiguration, "no IP ranges specified") }
        var sets: [RangeSet] = []
        for (number, list) in lists.enumerated() { sets.append(try set(list, number)) }
        try requireOneOfFamily(
            sets.map(\.family), configuration.version, "range sets are \(sets.map(\.description).joined(by: "; "))")
        for (number, set) in sets.enumerated() {
            if let other = sets.indices.first(where: { $0 > number && set.overlaps(sets[$0]) }) {
                throw CNIError(
                    .invalidConfiguration, "range set \(number) overlaps with \(other)",
                    details: "range set \(number) is \(set), range set \(other) is \(sets[other])")
            }
        }
        return sets
    }

    private static func set(_ list: [ConfigurationObject], _ number: Int) throws(CNIError) -> RangeSet {
        var ranges: [AddressRange] = []
        for object in list {
            guard let subnet = try object.prefix("subnet") else { throw object.error("subnet", "is missing") }
            let start = try object.address("rangeStart")
            let end = try object.address("rangeEnd")
            let gateway = try object.address("gateway")
            do throws(RangeError) {
                ranges.append(try AddressRange(subnet: subnet, start: start, end: end, gateway: gateway))
            } catch {
                throw invalid(number, error.sentence, details: object.error(error.key, "is refused").message)
            }
        }
        do throws(RangeError) {
            return try RangeSet(ranges)
        } catch {
            throw invalid(number, error.sentence, details: nil)
        }
    }

    private static func invalid(_ number: Int, _ sentence: String, details: String?) -> CNIError {
        CNIError(.invalidConfiguration, "invalid range set \(number): \(sentence)", details: details)
    }

    // MARK: - Requested addresses

    /// Keys of CNI_ARGS that some plugin of a chain may understand; others need IgnoreUnknown (P-8).
    private static let knownArguments = ["IP", "GATEWAY", "MAC"]

    private static func requested(_ request: Request) throws(CNIError) -> [IPAddress] {
        var texts: [(text: String, error: CNIError)] = []
        try request.arguments.requireKnown(knownArguments)
        if let text = request.arguments["IP"], !text.isEmpty {
            texts.append((text, CNIError(.invalidEnvironment, "ARGS: \"IP=\(text)\" is not an IP address")))
        }
        let configuration = request.configuration
        for (key, object) in [("args.cni", configuration.cniArgs), ("runtimeConfig", configuration.runtimeConfig)] {
            let object = ConfigurationObject(object, path: key)
            for text in try object.strings("ips") ?? [] {
                texts.append((text, object.error("ips", "holds \"\(text)\", which is not an IP address")))
            }
        }
        var requested: [IPAddress] = []
        for (text, error) in texts {
            guard let address = IPPrefix(text)?.address ?? IPAddress(text) else { throw error }
            if !requested.contains(address) { requested.append(address) }
        }
        return requested
    }
}
