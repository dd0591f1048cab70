import JSON
import NetCore

/// Docker's driver options (`docker network create -o`) that mean something here.
struct NetworkOptions: Sendable {
    var bridge: String?
    var mtu: Int64?
    var letsContainersTalk = true
    var masquerades = true
    /// Where ports are published unless it is said.
    var hostAddress: String?
    /// macvlan's link of the host, and its mode.
    var parent: String?
    var mode: String?

    /// Throws 400 for a value that cannot be, and for Docker's own options that are not supported; others are kept and mean nothing, as for Docker.
    init(_ options: JSONObject, driver: String) throws(NetworkError) {
        for (key, value) in options {
            let text = value.string ?? ""
            switch key {
            case "com.docker.network.bridge.name", "com.docker.network.bridge.interface":
                if let fault = LinkName.fault(in: text) {
                    throw NetworkError(400, "\(key): the bridge's name \"\(text)\" \(fault)")
                }
                bridge = text
            case "com.docker.network.driver.mtu", "mtu":
                guard let mtu = Int64(text), (68...65535).contains(mtu) || mtu == 0 else {
                    throw NetworkError(400, "\(key): \"\(text)\" is no MTU (68 to 65535)")
                }
                self.mtu = mtu == 0 ? nil : mtu
            case "com.docker.network.bridge.enable_icc": letsContainersTalk = try NetworkOptions.flag(key, text)
            case "com.docker.network.bridge.enable_ip_masquerade": masquerades = try NetworkOptions.flag(key, text)
            case "com.docker.network.bridge.host_binding_ipv4":
                guard let address = IPAddress(text), address.family == .v4 else {
                    throw NetworkError(400, "\(key): \"\(text)\" is no IPv4 address")
                }
                hostAddress = text
            case "com.docker.network.bridge.default_bridge":
                guard try !NetworkOptions.flag(key, text) else {
                    throw NetworkError(403, "\(key): the default network is there already and is called \"bridge\"")
                }
            case "parent" where driver == "macvlan":
                if let fault = LinkName.fault(in: text) { throw NetworkError(400, "parent \"\(text)\" \(fault)") }
                parent = text
            case "macvlan_mode":
                guard ["bridge", "private", "vepa", "passthru"].contains(text) else {
                    throw NetworkError(400, "\(key): \"\(text)\" is none of bridge, private, vepa, passthru")
                }
                mode = text
            default:
                guard key.hasPrefix("com.docker.network."), !["", "false", "0"].contains(text),
                    !(key.hasPrefix("com.docker.network.bridge.gateway_mode_") && text == "nat")
                else { continue }
                throw NetworkError(400, "option \(key)=\(text) is not supported: leave it out")
            }
        }
    }

    private static func flag(_ key: String, _ text: String) throws(NetworkError) -> Bool {
        switch text.lowercased() {
        case "true", "1", "t": return true
        case "false", "0", "f": return false
        default: throw NetworkError(400, "\(key): \"\(text)\" is neither true nor false")
        }
    }
}
