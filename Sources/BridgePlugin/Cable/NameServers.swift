import CNI

/// Name servers as configuration and runtime will have them, in the place of IPAM's.
public struct NameServers: Sendable {
    /// Stands for all that IPAM says.
    let own: CNIResult.DNS?
    /// The runtime's word (capability `dns`): what it names goes before the configuration's and IPAM's.
    let runtime: CNIResult.DNS

    /// Throws code 7 with key and value.
    init(_ request: Request) throws(CNIError) {
        let dns = try request.configuration.root.object("dns")
        own = try dns.map { (object) throws(CNIError) in try CNIResult.DNS(object) }
        let runtime = ConfigurationObject(request.configuration.runtimeConfig, path: "runtimeConfig")
        guard let told = try runtime.object("dns") else {
            self.runtime = CNIResult.DNS()
            return
        }
        self.runtime = CNIResult.DNS(
            nameservers: try told.strings("servers") ?? [], search: try told.strings("searches") ?? [],
            options: try told.strings("options") ?? [])
    }

    func direct(_ dns: inout CNIResult.DNS) {
        if let own { dns = own }
        if !runtime.nameservers.isEmpty { dns.nameservers = runtime.nameservers }
        if !runtime.search.isEmpty { dns.search = runtime.search }
        if !runtime.options.isEmpty { dns.options = runtime.options }
    }
}
