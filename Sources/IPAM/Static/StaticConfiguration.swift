import CNI
import JSON
import NetCore

/// What `ipam`, `runtimeConfig`, `args.cni` and CNI_ARGS ask of static (cni.md 2.4), validated.
struct StaticConfiguration {
    struct Address: Hashable {
        let prefix: IPPrefix
        var gateway: IPAddress?
    }
    /// Each address once. Empty where the list leaves all to the runtime, which STATUS is not told.
    let addresses: [Address]
    let routes: [CNIResult.RouteConfiguration]
    let dns: CNIResult.DNS

    /// Throws code 7 for a configuration, 4 for CNI_ARGS, with key and value.
    init(_ request: Request) throws(CNIError) {
        let configuration = request.configuration
        let ipam = try configuration.ipam()
        addresses = try StaticConfiguration.addresses(request, ipam)
        try requireOneOfFamily(
            addresses.map(\.prefix.family), configuration.version,
            "addresses are \(addresses.map { "\($0.prefix)" }.joined(by: ", "))")
        routes = try ipam.routes()
        let dns = try ipam.object("dns")
        self.dns = try dns.map { (object) throws(CNIError) in try CNIResult.DNS(object) } ?? CNIResult.DNS()
    }

    /// runtimeConfig's in the place of all others, else args.cni's, else the list's with those of CNI_ARGS behind them. What
    /// is replaced is read, but for CNI_ARGS, which must then be ignored (P-8).
    private static func addresses(_ request: Request, _ ipam: ConfigurationObject) throws(CNIError) -> [Address] {
        let configuration = request.configuration
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        let listed = try listed(ipam)
        var chosen: [Address] = []
        for (key, object) in [("args.cni", configuration.cniArgs), ("runtimeConfig", configuration.runtimeConfig)] {
            let object = ConfigurationObject(object, path: key)
            var told: [Address] = []
            for text in try object.strings("ips") ?? [] {
                guard let prefix = IPPrefix(text) else { throw object.error("ips", "holds \"\(text)\", \(noPrefix)") }
                told.append(Address(prefix: prefix))
            }
            if let twice = twin(told) { throw object.error("ips", "holds \(twice) twice") }
            if !told.isEmpty { chosen = told }
        }
        return chosen.isEmpty ? try argued(request.arguments, listed) : chosen
    }

    private static let noPrefix = "which is no address with a prefix length, such as 10.10.0.1/24"

    private static func listed(_ ipam: ConfigurationObject) throws(CNIError) -> [Address] {
        var addresses: [Address] = []
        for object in try ipam.objects("addresses") ?? [] {
            guard object.has("address") else { throw object.error("address", "is missing: 10.10.0.1/24, for instance") }
            guard let prefix = try object.prefix("address") else { throw object.error("address", "is empty") }
            let gateway = try object.address("gateway")
            if let gateway, gateway.family != prefix.family {
                throw object.error("gateway", "is of another family than the address \(prefix)")
            }
            addresses.append(Address(prefix: prefix, gateway: gateway))
            if twin(addresses) != nil { throw object.error("address", "is named twice") }
        }
        return addresses
    }

    /// The list's addresses with what CNI_ARGS adds: IP a further address, GATEWAY that of the subnet in which it lies; both
    /// may name several, with commas.
    private static func argued(_ arguments: CNIArguments, _ listed: [Address]) throws(CNIError) -> [Address] {
        var addresses = listed
        for text in words(arguments["IP"]) {
            guard let prefix = IPPrefix(text) else { throw refusal("IP", text, "is \(noPrefix.dropFirst(9))") }
            addresses.append(Address(prefix: prefix))
            if twin(addresses) != nil { throw refusal("IP", text, "is named twice, or stands in \"ipam.addresses\"") }
        }
        for text in words(arguments["GATEWAY"]) {
            guard let gateway = IPAddress(text) else { throw refusal("GATEWAY", text, "is not an IP address") }
            let indices = addresses.indices.filter { addresses[$0].prefix.contains(gateway) }
            if indices.isEmpty {
                let subnets = addresses.map { "\($0.prefix)" }.joined(by: ", ")
                throw refusal(
                    "GATEWAY", text, "lies in the subnet of no address; there are \(subnets.isEmpty ? "none" : subnets)"
                )
            }
            for index in indices { addresses[index].gateway = gateway }
        }
        return addresses
    }

    private static func words(_ list: String?) -> [String] {
        (list ?? "").split(separator: ",").map { part in
            String(decoding: part.utf8.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed(), as: UTF8.self)
        }
    }

    private static func refusal(_ key: String, _ text: String, _ sentence: String) -> CNIError {
        CNIError(.invalidEnvironment, "ARGS: \"\(key)=\(text)\" \(sentence)")
    }

    /// An address that stands there more than once.
    private static func twin(_ addresses: [Address]) -> IPAddress? {
        var seen: [IPAddress] = []
        for one in addresses {
            if seen.contains(one.prefix.address) { return one.prefix.address }
            seen.append(one.prefix.address)
        }
        return nil
    }
}
