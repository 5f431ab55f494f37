case "${1-}" in
build) mainstay image build ;;
push) mainstay image build --push ;;
list) mainstay image list ;;
scan) not_yet "looking for known flaws; rules about images are there: mainstay image check" ;;
sign) not_yet "signing" ;;
*) usage build push list scan sign ;;
esac
