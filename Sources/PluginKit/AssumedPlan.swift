import CNI
import NetCore
import NetPlan

/// What an ADD of one plugin would do, told without a look at the host and without privilege.
public struct AssumedPlan: Hashable, Sendable {
    public let plan: Plan
    /// What the next plugin of the chain would be given, without what only the kernel knows (the cable's MAC addresses).
    public let result: CNIResult
}

extension PlannedPlugin {
    /// `addresses` gives what the IPAM plugin of that type would answer. With `onHost` a list's first plugin looks at this
    /// host as its ADD would; what a later one would see is made by those before. Throws as ADD does for the configuration.
    public func assumed(
        _ request: Request, onHost: Bool = false, addresses: (_ ipam: String) throws(CNIError) -> CNIResult
    ) throws(CNIError) -> AssumedPlan {
        let configuration = try configuration(request)
        var lease = try lease(request)
        if let type = ipam(configuration) { lease = try addresses(type) }
        var observations = assumptions(request)
        if onHost, !isChained, request.configuration.root.value("linkInContainer")?.bool != true {
            do throws(KernelError) {
                var kernel = try LinuxKernel(state: request.state)
                do throws(CNIError) {
                    observations = try observe(request, configuration, &kernel)
                } catch {
                    // A link that is missing now may be there when it is asked for; only what is wrong in the list is told.
                    observations = assumptions(request)
                }
            } catch {
                throw CNIError(refused: error)
            }
        }
        let plan = try plan(request, configuration, lease: lease, observations)
        return AssumedPlan(plan: plan, result: CNIResult(assuming: plan, lease: lease, netns: request.netns))
    }
}

extension CNIResult {
    /// The lease with the interfaces, routes and changes of the plan: what an ADD would answer (cni.md P-36).
    init(assuming plan: Plan, lease: CNIResult, netns: String?) {
        self = lease
        var made: [Interface] = []
        var routes: [RouteConfiguration] = []
        for resource in plan.resources {
            switch resource {
            case .bridge(let bridge):
                made.append(Interface(name: bridge.name.description, mac: bridge.mac.description, mtu: bridge.mtu))
            case .vethPair(let pair):
                made.append(Interface(name: pair.host.description, mtu: pair.mtu))
                made.append(
                    Interface(
                        name: pair.container.description, mac: pair.containerMAC?.description, mtu: pair.mtu,
                        sandbox: netns))
            case .macvlan(let link):
                made.append(
                    Interface(
                        name: link.name.description, mac: link.mac?.description, mtu: link.mtu, sandbox: netns))
            case .route(let it):
                let route = it.route
                routes.append(
                    RouteConfiguration(
                        destination: route.destination, gateway: route.gateway, mtu: route.mtu, advmss: route.advmss,
                        priority: route.priority, table: route.table, scope: route.scope))
            case .linkSettings(let settings): change(settings)
            case .functionalBlock(let block):
                interfaces.append(Interface(name: block.name.description, mtu: block.mtu))
            default: break
            }
        }
        guard !made.isEmpty else { return }
        interfaces = made
        // Without a bridge the cable has routes of its own, which no result tells.
        if plan.owned.contains(where: \.isPortOfBridge) { self.routes = routes }
        for index in ips.indices {
            ips[index].interface = made.count - 1
            ips[index].gateway = ips[index].gateway ?? CNIResult.gateway(of: ips[index].address, plan)
        }
    }

    /// The host's own address in the subnet.
    private static func gateway(of prefix: IPPrefix, _ plan: Plan) -> IPAddress? {
        for case .address(let address) in plan.resources
        where address.place == .host && prefix.contains(address.prefix.address) {
            return address.prefix.address
        }
        return nil
    }

    private mutating func change(_ settings: LinkSettings) {
        for index in interfaces.indices where interfaces[index].name == settings.link.description {
            guard (interfaces[index].sandbox?.isEmpty ?? true) == (settings.place == .host) else { continue }
            if let mac = settings.mac { interfaces[index].mac = mac.description }
            if let mtu = settings.mtu { interfaces[index].mtu = mtu }
        }
    }
}

extension Resource {
    /// A cable that ends at a bridge.
    fileprivate var isPortOfBridge: Bool {
        if case .vethPair(let pair) = self { pair.master != nil } else { false }
    }
}
