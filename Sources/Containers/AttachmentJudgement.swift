import JSON
import NetCore

// What of networks, mounts and ports cannot be, or cannot be done here.
extension Wish {
    func judgeEndpoints(_ endpoints: Body) throws(APIError) {
        for name in endpoints.object.keys { try Wish.judge(endpoint: endpoints.body(name)) }
        let address = try Body(config).text("MacAddress")
        guard address.isEmpty || MACAddress(address) != nil else {
            throw APIError(400, "\(address) is not a valid mac address: write 02:42:ac:11:00:02")
        }
    }

    /// One of EndpointsConfig, and what `network connect` sends.
    static func judge(endpoint: Body) throws(APIError) {
        _ = try endpoint.texts("Aliases")
        let mac = try endpoint.text("MacAddress")
        guard mac.isEmpty || MACAddress(mac) != nil else {
            throw APIError(400, "\(mac) is not a valid mac address: write 02:42:ac:11:00:02")
        }
        let own = try endpoint.body("IPAMConfig")
        for (key, family) in [("IPv4Address", AddressFamily.v4), ("IPv6Address", .v6)] {
            let text = try own.text(key)
            guard text.isEmpty || IPAddress(text)?.family == family else {
                throw APIError(400, "invalid IP address: \(text) (\(own.name(key)))")
            }
        }
        guard try own.texts("LinkLocalIPs").isEmpty else {
            throw APIError(501, "\(own.name("LinkLocalIPs")): berth gives no further addresses: leave it out")
        }
        guard try endpoint.texts("Links").isEmpty else {
            throw APIError(501, "\(endpoint.name("Links")): berth does not have links: use Aliases")
        }
        guard try endpoint.pairs("DriverOpts").isEmpty else {
            throw APIError(501, "\(endpoint.name("DriverOpts")): berth does not have this: leave it out")
        }
    }

    static func judge(mount: Body) throws(APIError) {
        let bind = try mount.body("BindOptions")
        let propagation = try bind.text("Propagation")
        guard ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(propagation) else {
            throw APIError(400, "\(bind.name("Propagation")) is \"\(propagation)\": invalid propagation mode")
        }
        for key in ["NonRecursive", "ReadOnlyForceRecursive"] where try bind.flag(key) {
            throw APIError(501, "\(bind.name(key)): berth binds with all that is mounted below: leave it out")
        }
        let volume = try mount.body("VolumeOptions")
        guard try volume.text("Subpath").isEmpty else {
            throw APIError(501, "\(volume.name("Subpath")): berth mounts a volume as a whole: leave it out")
        }
        let driver = try volume.body("DriverConfig")
        guard ["", "local"].contains(try driver.text("Name")), try driver.pairs("Options").isEmpty else {
            throw APIError(501, "\(driver.place): berth's volumes are directories: leave driver and options out")
        }
        guard try mount.body("TmpfsOptions").value("Options") == nil else {
            throw APIError(501, "\(mount.place).TmpfsOptions.Options: berth takes SizeBytes and Mode")
        }
    }

    static func judgeTmpfs(_ place: String, _ options: String) throws(APIError) {
        let known = [
            "rw", "ro", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "atime", "nodiratime",
            "diratime", "relatime", "norelatime", "strictatime", "sync", "async", "private", "rprivate", "slave",
            "rslave", "shared", "rshared",
        ]
        let valued = ["size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks="]
        for option in options.split(separator: ",").map(String.init) {
            guard known.contains(option) || valued.contains(where: { option.hasPrefix($0) }) else {
                throw APIError(400, "HostConfig.Tmpfs \(place): invalid tmpfs option [\"\(option)\"]")
            }
        }
    }

    /// `80`, `80/udp`, `8000-8010/tcp`.
    static func portRange(_ text: String) throws(APIError) -> (ports: ClosedRange<UInt16>, protocolName: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let name = parts.count > 1 ? parts[1].lowercased() : "tcp"
        guard parts.count <= 2, ["tcp", "udp", "sctp"].contains(name), let ports = numbers(parts[0]),
            ports.lowerBound > 0
        else {
            throw APIError(400, "invalid port \"\(text)\": it is a number up to 65535, then /tcp, /udp or /sctp")
        }
        return (ports, name)
    }

    /// `80` or `8000-8010`; nil for anything else.
    static func numbers(_ text: String) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count <= 2, let low = ends[0], let high = ends.last ?? nil, low <= high else { return nil }
        return low...high
    }
}
