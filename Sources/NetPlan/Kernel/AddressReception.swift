import Glibc
import NetCore

extension LinuxKernel {
    /// What is sent to the plan's IPv6 addresses arrives from now on. An address that skips detection answers its
    /// neighbours at once, but the route that delivers to it is made a little later by a thread of the kernel's
    /// (addrconf_dad_work): on a busy host a first packet came before it and was dropped (Ip6InAddrErrors). Waits for a
    /// second at most; who looks will see what is wrong then.
    public mutating func waitForReception(_ plan: Plan) throws(KernelError) {
        for resource in plan.shared + plan.owned {
            guard case .address(let address) = resource, address.prefix.family == .v6, address.skippingDetection else {
                continue
            }
            // A link of a VRF has routes of its own.
            if address.place == .host, try seenLink(address.link, .host)?.master != nil { continue }
            var nap: UInt32 = 50
            while try !receives(address.prefix.address, address.place), nap < 500_000 {
                usleep(nap)
                nap *= 2
            }
        }
    }

    private mutating func receives(_ address: IPAddress, _ place: Place) throws(KernelError) -> Bool {
        guard place == .container else { return try host.isLocal(address) }
        try requireContainer()
        return try sockets.container!.isLocal(address)
    }
}
