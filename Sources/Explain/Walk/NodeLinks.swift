import CKernel
import Glibc
import NetCore

/// What was told of a namespace's links.
struct NodeLinks {
    /// Those that were asked for by their indexes; nil where there is none.
    fileprivate var known: [Int32: Device?] = [:]
    fileprivate var all: [Device]?
    fileprivate var ports: [BridgePort]?
}

/// A host with a thousand containers has a thousand links, of which a packet meets three: each is asked for by itself.
extension Node {
    /// Whoever has asked for so many will ask for more: all are listed then.
    private static let limit = 64

    func device(_ index: Int32) -> Device? {
        if let known = links.known[index] { return known }
        var found: Device?
        if links.all != nil || links.known.count >= Node.limit {
            found = devices.first { $0.index == index }
        } else {
            told { () throws(KernelError) in
                found = try ignoring(.noSuchDevice) { () throws(KernelError) in Device(try route.link(index: index)) }
            }
        }
        links.known[index] = .some(found)
        return found
    }

    func device(named name: String) -> Device? { devices.first { $0.name == name } }

    /// `lo`, which is every namespace's first (LOOPBACK_IFINDEX in the kernel).
    var loopback: Device? { device(1).flatMap { $0.isLoopback ? $0 : nil } }

    private var devices: [Device] {
        if let all = links.all { return all }
        var found: [Device] = []
        told { () throws(KernelError) in found = try route.links().map(Device.init) }
        for device in found { links.known[device.index] = device }
        links.all = found
        return found
    }

    /// A bridge's ports, in the order of their indexes.
    func ports(of bridge: Device) -> [BridgePort] {
        if links.ports == nil {
            told { () throws(KernelError) in links.ports = try route.bridgePorts() }
        }
        return (links.ports ?? []).filter { $0.bridge == bridge.index }
    }

    /// Indexes of the links that a device holds: a bridge's ports, or those of a bond or VRF.
    func held(by device: Device) -> [Int32] {
        device.kind == "bridge"
            ? ports(of: device).map(\.index) : devices.filter { $0.master == device.index }.map(\.index)
    }

    /// At which port of its bridge a MAC is known.
    func forwardingPort(_ mac: MACAddress, bridge: Device) -> Int32? {
        var port: Int32?
        told { () throws(KernelError) in port = try route.forwardingEntry(mac, at: bridge.index)?.port }
        return port
    }

    /// Is it an address of the bridge's own, or of one of its ports? The kernel keeps those as entries that stay, and goes by them.
    func isOwn(_ mac: MACAddress, bridge: Device) -> Bool {
        if mac == bridge.mac { return true }
        do throws(KernelError) {
            guard let entry = try route.forwardingEntry(mac, at: bridge.index), entry.isPermanent else { return false }
            return device(entry.port)?.mac == mac
        } catch {
            return ports(of: bridge).contains { $0.mac == mac }
        }
    }
}

extension BridgePort {
    /// Frames pass.
    var isForwarding: Bool { state ?? 3 == 3 }
}
