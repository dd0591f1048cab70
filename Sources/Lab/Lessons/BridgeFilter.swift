import NetCore

/// br_netfilter, which shows the frames of bridges to the gates of IP. Most kernels have it as a module that nobody has loaded yet; the lab
/// does not load it, for it would hold for every bridge of the machine.
enum BridgeFilter {
    /// Of this kernel, in whichever namespace; as it was when first asked.
    static let isHere = Files.exists("/proc/sys/net/bridge/bridge-nf-call-iptables")

    static let passedOver = [
        "passed over: this kernel has not loaded br_netfilter, so that no switched frame meets",
        "the gates of IP here (sudo modprobe br_netfilter loads it, for all bridges of the machine)",
    ]
}
