import CNI
import NetCore
import NetPlan
import PluginKit

/// The zone of firewalld into which the firewall plugin puts a container's addresses (cni.md 2.6).
enum FirewallZone {
    /// Nil without `"backend": "firewalld"`. Throws code 7 for a zone that another backend cannot honour, or that is no name.
    static func named(by root: ConfigurationObject) throws(CNIError) -> String? {
        let stated = try root.string("firewalldZone") ?? ""
        // The reference's default, in its list or out of it.
        let zone = stated.isEmpty ? "trusted" : stated
        guard try root.string("backend") == "firewalld" else {
            guard zone == "trusted" else {
                throw root.error(
                    "firewalldZone",
                    "cannot be honoured by the nftables and iptables backends: it needs \"backend\": \"firewalld\"")
            }
            return nil
        }
        guard isName(zone) else {
            throw root.error(
                "firewalldZone", "is no name of a zone: letters, digits, -, _ and /; firewall-cmd --get-zones")
        }
        return zone
    }

    /// The same of a configuration that DEL was called with, which may be wrong by now.
    static func stated(in root: ConfigurationObject) -> String? {
        guard root.value("backend")?.string == "firewalld" else { return nil }
        let zone = root.value("firewalldZone")?.string ?? ""
        if zone.isEmpty { return "trusted" }
        return isName(zone) ? zone : nil
    }

    private static func isName(_ zone: String) -> Bool {
        zone.utf8.count <= 64
            && zone.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "-_/".utf8.contains(byte)
            }
    }

    /// Sources of the zone that stand already and that no attachment's record claims. Throws code 7 where firewalld has no such
    /// zone, before anything is made.
    static func foreignSources(
        _ request: Request, _ zone: String, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> Set<IPAddress> {
        let state = try answering { () throws(KernelError) in try kernel.lookAtFirewalld() }
        guard state.zones.contains(zone) else {
            throw request.configuration.root.error("firewalldZone", absent(zone, state))
        }
        let standing = state.bindings.filter { $0.zone == zone }.compactMap(\.address)
        let wanted = Set((request.configuration.previousResult?.ips ?? []).map(\.address.address))
        let found = wanted.intersection(standing)
        guard !found.isEmpty else { return [] }
        let own = try answering { () throws(KernelError) in
            try AttachmentRecords(request.state).ownedSources(except: [request.attachment])
        }
        return found.filter { !own.contains(ZoneSource(address: $0, zone: zone)) }
    }

    /// firewalld answers, has the zone, and in it the sources of all attachments. Throws 50 or 51.
    static func requireReady(
        _ zone: String, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        let state: FirewalldState
        do throws(KernelError) {
            state = try kernel.lookAtFirewalld()
        } catch {
            throw CNIError(.notAvailable, "firewalld cannot be used: \(error)")
        }
        guard state.zones.contains(zone) else {
            throw CNIError(
                .notAvailable, "\"firewalldZone\": \"\(zone)\" \(absent(zone, state))",
                details: "firewall-cmd --permanent --new-zone=\(zone) and firewall-cmd --reload make it")
        }
        let harmed = records.filter { record in
            record["firewall"]?.zoneSources.contains { !state.has($0.source) } ?? false
        }
        guard let first = harmed.first else { return }
        throw CNIError(
            .limitedConnectivity,
            "sources are gone from firewalld's zones, and with them what \(harmed.count) attachment\(harmed.count == 1 ? "" : "s") may do",
            details:
                "first of them: \(first.attachment); a reload of firewalld forgets them: berth repair, or berth watch")
    }

    private static func absent(_ zone: String, _ state: FirewalldState) -> String {
        "is no zone of firewalld, which has \(state.zones.sorted().joined(by: ", "))"
    }
}
