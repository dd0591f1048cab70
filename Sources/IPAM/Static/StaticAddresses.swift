import CNI
import JSON
import NetCore

/// The address management `static`: the addresses that configuration or runtime names (cni.md 2.4). It keeps nothing and
/// knows of no other attachment.
public struct StaticAddresses: Plugin {
    public init() {}

    public var name: String { "static" }

    /// What is to be given. Throws code 7 for the configuration, or when no address is named; 4 for CNI_ARGS.
    public func add(_ request: Request) throws(CNIError) -> CNIResult {
        let configuration = try StaticConfiguration(request)
        guard !configuration.addresses.isEmpty else {
            throw CNIError(
                .invalidConfiguration, "no addresses: \"ipam.addresses\" names none",
                details:
                    "give them there, or by the runtime: runtimeConfig.ips (capability \"ips\"), args.cni.ips, IP of CNI_ARGS"
            )
        }
        var result = CNIResult()
        result.ips = configuration.addresses.map {
            CNIResult.IPConfiguration(address: $0.prefix, gateway: $0.gateway)
        }
        result.routes = configuration.routes
        result.dns = configuration.dns
        return result
    }

    /// Throws code 106 unless every address stands in prevResult with its gateway, 7 without a prevResult (P-54). Other
    /// addresses of prevResult are another plugin's.
    public func check(_ request: Request) throws(CNIError) {
        let configuration = try StaticConfiguration(request)
        guard let previous = request.configuration.previousResult else {
            throw CNIError(.invalidConfiguration, "\"prevResult\" is missing: CHECK compares with what ADD answered")
        }
        var differences: [JSON] = []
        func differs(_ prefix: IPPrefix, _ expected: String, _ found: String) {
            differences.append(
                ["object": .string("address \(prefix)"), "expected": .string(expected), "found": .string(found)])
        }
        for one in configuration.addresses {
            guard let answered = previous.ips.first(where: { $0.address.address == one.prefix.address }) else {
                differs(one.prefix, "in prevResult", "absent")
                continue
            }
            if answered.address.length != one.prefix.length {
                differs(one.prefix, "\(one.prefix)", "\(answered.address)")
            }
            // Where none is named an interface plugin may have told its own.
            if let gateway = one.gateway, answered.gateway != gateway {
                let found = answered.gateway.map { "gateway \($0)" } ?? "no gateway"
                differs(one.prefix, "gateway \(gateway)", found)
            }
        }
        guard differences.isEmpty else {
            throw CNIError(
                .driftFound, "static: prevResult has other addresses than are configured",
                details: JSON.array(differences).text)
        }
    }

    /// There is nothing to give back.
    public func del(_ request: Request) throws(CNIError) {}

    /// There is nothing to collect. Throws code 7 without a list, as every plugin (P-58).
    public func gc(_ request: Request) throws(CNIError) {
        guard request.configuration.validAttachments == nil else { return }
        throw CNIError(
            .invalidConfiguration, "\"cni.dev/valid-attachments\" is missing: GC does not guess what may go")
    }

    /// Throws what ADD would throw for the configuration. No address at all is no fault: the runtime may name them.
    public func status(_ request: Request) throws(CNIError) { _ = try StaticConfiguration(request) }
}
