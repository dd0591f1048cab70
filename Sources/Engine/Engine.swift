#if Daemon
    import Containers
#endif
